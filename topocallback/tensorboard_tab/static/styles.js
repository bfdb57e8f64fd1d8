/**
 * The page's looks. They are a module like the rest, so that the tab and the report are made of the same files and a
 * page is never drawn before its style sheet has come.
 */

const STYLES = `
:root {
  --page: #f5f6f8; --card: #ffffff; --ink: #1b2430; --quiet: #5d6878; --line: #e1e5ea; --soft: #eef1f4;
  --first: #0072b2; --second: #d55e00; --focus: #2f6fed; --good: #0b6b50; --good-soft: #dff3ec;
  --noise: #6b5417; --noise-soft: #f6edd3; --shadow: 0 1px 2px rgb(20 30 45 / .05), 0 4px 14px rgb(20 30 45 / .04);
  color-scheme: light;
}
[data-theme="dark"] {
  --page: #16191e; --card: #1f242b; --ink: #e8ecf1; --quiet: #a0aab8; --line: #333b46; --soft: #2a313a;
  --first: #56b4e9; --second: #f0913f; --focus: #7aa7ff; --good: #7fdcb8; --good-soft: #17382f;
  --noise: #e9cf86; --noise-soft: #3a321b; --shadow: none;
  color-scheme: dark;
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--page); color: var(--ink); min-width: 960px;
  font: 13px/1.45 Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-feature-settings: "tnum"; -webkit-font-smoothing: antialiased;
}
h1, h2, h3, p, ul { margin: 0; padding: 0; }
ul { list-style: none; }
.quiet { color: var(--quiet); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

/* Controls */
button, select { font: inherit; color: inherit; }
button { border: 0; background: none; padding: 0; cursor: pointer; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 6px; }
select, .text-button, .icon-button {
  height: 30px; border: 1px solid var(--line); border-radius: 7px; background: var(--card);
}
select { padding: 0 6px; max-width: 210px; text-overflow: ellipsis; }
select:hover, .text-button:hover, .icon-button:hover { border-color: var(--quiet); }
.text-button { padding: 0 12px; font-weight: 500; }
.text-button[aria-pressed="true"] { background: var(--ink); color: var(--card); border-color: var(--ink); }
.icon-button { display: inline-flex; align-items: center; justify-content: center; gap: 4px; min-width: 30px; }
.icon { width: 16px; height: 16px; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.play .icon path { fill: currentColor; }
.choice { display: inline-flex; align-items: center; gap: 8px; color: var(--quiet); }
.choice select { color: var(--ink); }
.segments { display: inline-flex; padding: 2px; border-radius: 8px; background: var(--soft); }
.segments button { height: 26px; padding: 0 9px; border-radius: 6px; color: var(--quiet); white-space: nowrap; }
.segments button:hover { color: var(--ink); }
.segments button[aria-pressed="true"] { background: var(--card); color: var(--ink); font-weight: 500; box-shadow: 0 1px 2px rgb(0 0 0 / .14); }

/* The bar on top */
.top { position: sticky; top: 0; z-index: 5; background: var(--card); border-bottom: 1px solid var(--line); }
.top::after { content: ""; position: absolute; inset: auto 0 -1px 0; height: 2px; background: var(--focus); opacity: 0; transition: opacity .2s .25s; }
.top.loading::after { opacity: .8; }
.bar { display: flex; align-items: center; gap: 12px; padding: 9px 16px; }
.bar-second { padding-top: 0; }
.bar-second .run > span, .side-second { color: var(--ink); }
.transport { display: flex; gap: 4px; }
.play { background: var(--ink); color: var(--card); border-color: var(--ink); width: 36px; }
.slider { flex: 1; display: flex; min-width: 120px; }
.slider input { flex: 1; width: 100%; margin: 0; appearance: none; height: 26px; background: none; cursor: pointer; }
.slider input::-webkit-slider-runnable-track {
  height: 4px; border-radius: 2px;
  background: linear-gradient(var(--ink) 0 0) 0 / calc(var(--done) * 100%) 100% no-repeat var(--line);
}
.slider input::-moz-range-track { height: 4px; border-radius: 2px; background: var(--line); }
.slider input::-webkit-slider-thumb {
  appearance: none; width: 16px; height: 16px; margin-top: -6px; border-radius: 50%;
  background: var(--card); border: 2px solid var(--ink); box-shadow: 0 1px 3px rgb(0 0 0 / .2);
}
.slider input:disabled { opacity: .5; cursor: default; }
.step-status { min-width: 138px; white-space: nowrap; color: var(--quiet); }
.step-status strong { color: var(--ink); font-weight: 600; }
.checkbox { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
.checkbox input { accent-color: var(--ink); margin: 0; }
.notice { padding: 7px 16px; background: var(--noise-soft); color: var(--noise); }
.save { padding: 0 8px; font-size: 11px; color: var(--quiet); }
.save .icon { width: 13px; height: 13px; }

/* Cards */
.panels { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 14px; padding: 14px 16px 28px; max-width: 1900px; margin: auto; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 11px; box-shadow: var(--shadow); padding: 12px 16px 14px; min-width: 0; }
.panel > header { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin-bottom: 12px; }
.panel h2 { font-size: 14px; font-weight: 600; letter-spacing: -.005em; white-space: nowrap; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; order: 4; flex-basis: 100%; }
.saves { display: flex; gap: 4px; margin-left: auto; }
.saves .icon-button { height: 26px; border-color: transparent; background: none; }
.saves .icon-button:hover { border-color: var(--line); }
.help { position: relative; display: inline-flex; }
.help-button { width: 18px; height: 18px; border-radius: 50%; background: var(--soft); color: var(--quiet); font-size: 11px; font-weight: 600; line-height: 18px; }
.help-button:hover, .help-button[aria-expanded="true"] { background: var(--ink); color: var(--card); }
.help-text {
  position: absolute; top: 26px; left: -60px; z-index: 4; width: 380px; padding: 12px 14px; border-radius: 9px;
  background: var(--card); border: 1px solid var(--line); box-shadow: 0 8px 30px rgb(10 20 35 / .18);
}
.help-text p + p { margin-top: 8px; }
.sides { display: flex; gap: 20px; }
.side { flex: 1 1 0; min-width: 0; }
.side-name { font-weight: 600; margin-bottom: 8px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.empty { display: grid; place-items: center; min-height: 220px; padding: 24px; text-align: center; color: var(--quiet); border: 1px dashed var(--line); border-radius: 9px; overflow-wrap: anywhere; }
.note, .facts { color: var(--quiet); font-size: 12px; margin-top: 8px; overflow-wrap: anywhere; }
.plot { display: block; }
.heatmap { margin: auto; }

/* Charts */
.chart text { font: 10.5px Inter, system-ui, sans-serif; fill: var(--quiet); }
.chart .axis-name { font-size: 11.5px; }
.chart .name-first { fill: var(--first); font-weight: 600; }
.chart .name-second { fill: var(--second); font-weight: 600; }
.grid { stroke: var(--line); stroke-width: 1; }
.tick, .baseline, .diagonal, .never { stroke: var(--quiet); stroke-width: 1; }
.never { stroke-dasharray: 3 4; stroke-opacity: .5; }
.below-diagonal { fill: var(--soft); stroke: none; }
.dots { fill: none; stroke-width: 5.5; stroke-opacity: .62; }
.dots-first { stroke: var(--first); stroke-linecap: round; }
.dots-second { stroke: var(--second); stroke-linecap: square; stroke-width: 4.5; }
.beyond-first { fill: var(--first); } .beyond-second { fill: var(--second); }
.bars { fill: none; }
.bars-first { stroke: var(--first); } .bars-second { stroke: var(--second); }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve-first { stroke: var(--first); } .curve-second { stroke: var(--second); }
.line { fill: none; stroke-linejoin: round; stroke-linecap: round; }
.current { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 3; }
.panel-series .chart { cursor: crosshair; }

/* Layer pair */
.pair-headline { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px; min-height: 26px; margin-bottom: 6px; }
.layer-chip { display: inline-flex; align-items: center; gap: 6px; font-weight: 600; overflow-wrap: anywhere; }
.layer-chip::before { content: ""; width: 9px; height: 9px; flex: none; background: currentColor; }
.chip-first { color: var(--first); } .chip-first::before { border-radius: 50%; }
.chip-second { color: var(--second); } .chip-second::before { border-radius: 1px; }
.verdict { margin-left: 4px; }
.badge { padding: 2px 9px; border-radius: 999px; font-weight: 600; font-size: 12px; }
.badge-clear { background: var(--good-soft); color: var(--good); }
.badge-noise { background: var(--noise-soft); color: var(--noise); }
.numbers { width: 100%; border-collapse: collapse; margin-top: 8px; font-size: 12px; }
.numbers th { font-weight: 500; color: var(--quiet); text-align: right; padding: 4px 0 4px 10px; }
.numbers th:first-child { text-align: left; padding-left: 0; }
.numbers thead th:first-child::first-letter { text-transform: uppercase; }
.numbers td { text-align: right; padding: 4px 0 4px 10px; border-top: 1px solid var(--line); }
.numbers tbody th { border-top: 1px solid var(--line); }

/* Over the steps */
.charts { display: grid; grid-template-columns: minmax(0, 1fr); gap: 10px 22px; }
.series-head { display: flex; align-items: center; gap: 8px; margin-bottom: 6px; }
.series-head select { max-width: 260px; border-color: transparent; background: none; font-weight: 500; margin-left: -6px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 4px; margin-top: 8px; }
.legend button { display: inline-flex; align-items: center; gap: 6px; padding: 2px 7px; border-radius: 6px; font-size: 12px; color: var(--quiet); }
.legend button:hover, .legend button[aria-pressed="true"] { background: var(--soft); color: var(--ink); }
.legend .swatch { width: 14px; height: var(--line-width); border-radius: 2px; background: var(--line-colour); }
.legend .faded { opacity: .5; }

/* Mapper graph */
.mapper { position: relative; }
.graph { touch-action: none; border-radius: 9px; background: var(--page); cursor: grab; }
.graph.dragging { cursor: grabbing; }
.edge { stroke: var(--quiet); stroke-opacity: .45; }
.node { cursor: pointer; }
.rim { fill: none; stroke: var(--card); stroke-width: 1; vector-effect: non-scaling-stroke; }
.node:hover .rim { stroke: var(--ink); stroke-width: 1.5; }
.node.chosen .rim { stroke: var(--ink); stroke-width: 3; }
.node.cursor .rim { stroke: var(--focus); stroke-width: 3; }
.zoom { position: absolute; top: 8px; right: 8px; display: flex; gap: 4px; }
.zoom .icon-button { width: 28px; height: 28px; min-width: 0; }
.swatch { display: inline-block; flex: none; width: 10px; height: 10px; border-radius: 3px; }
.class-legend, .shares { display: flex; flex-wrap: wrap; gap: 3px 12px; font-size: 12px; }
.class-legend { margin-top: 8px; }
.class-legend li, .shares li { display: inline-flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }
.detail { margin-top: 10px; border-top: 1px solid var(--line); padding-top: 10px; }
.detail .note { margin: 0; }
.detail header { display: flex; align-items: center; justify-content: space-between; margin-bottom: 4px; }
.detail h3 { font-size: 13px; font-weight: 600; }
.detail .icon-button { border-color: transparent; width: 26px; height: 26px; min-width: 0; }
.thumbnails { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 10px; max-height: 262px; overflow-y: auto; }
.thumbnails li { width: 48px; font-size: 10px; line-height: 14px; text-align: center; color: var(--quiet); }
.thumbnails .picture { display: block; width: 48px; height: 48px; padding: 0; border: 2px solid var(--class-colour); border-radius: 6px; background-repeat: no-repeat; background-origin: content-box; }
.without-pictures li { width: auto; padding: 1px 8px; border-left: 3px solid var(--class-colour); background: var(--soft); border-radius: 4px; font-size: 12px; }
.more { margin-top: 8px; color: var(--quiet); text-decoration: underline; }

/* Hovering, and nothing yet */
.tooltip { position: fixed; z-index: 9; max-width: 340px; padding: 7px 10px; border-radius: 7px; background: #12181f; color: #eef2f6; font-size: 12px; pointer-events: none; overflow-wrap: anywhere; box-shadow: 0 4px 18px rgb(0 0 0 / .3); }
.tooltip div:first-child { font-weight: 600; }
.tooltip div + div { color: #c3ccd6; }
.welcome { max-width: 460px; margin: 12vh auto; text-align: center; }
.welcome svg { width: 150px; fill: var(--first); stroke: var(--line); stroke-width: 3; }
.welcome svg path { fill: none; }
.welcome svg circle { stroke: var(--page); }
.welcome h2 { font-size: 19px; margin: 14px 0 8px; }
.welcome pre { margin: 14px 0; padding: 12px; border-radius: 9px; background: var(--card); border: 1px solid var(--line); }

.comparing { grid-template-columns: minmax(0, 1fr); }
.comparing .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
@media (min-width: 1500px) {
  .panels:not(.comparing) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) minmax(0, 1fr); }
  .panels:not(.comparing) .panel-series { grid-column: 1 / -1; order: 5; }
  .charts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (prefers-reduced-motion: no-preference) { .segments button, .icon-button, .text-button { transition: border-color .12s, color .12s; } }
`;

/** Put the style sheet into the page. */
export function addStyles() {
  const sheet = document.createElement("style");
  sheet.textContent = STYLES;
  document.head.append(sheet);
}
