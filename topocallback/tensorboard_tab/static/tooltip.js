/** One floating label for all plots, and one line that screen readers read aloud. */
import { element } from "./dom.js";

const GAP = 14;

/** @returns {{show: function(MouseEvent|Object, string[]), hide: function(), say: function(string)}} */
export function createTooltip() {
  const box = element("div", { class: "tooltip", role: "tooltip", hidden: true });
  const spoken = element("div", { class: "unseen", "aria-live": "polite" });
  document.body.append(box, spoken);

  return {
    /**
     * @param {{clientX: number, clientY: number}} place
     * @param {string[]} lines The first one stands out.
     */
    show({ clientX, clientY }, lines) {
      box.replaceChildren(...lines.map((line) => element("div", {}, line)));
      box.hidden = false;
      const { width, height } = box.getBoundingClientRect();
      const left = clientX + GAP + width > innerWidth ? clientX - GAP - width : clientX + GAP;
      const top = clientY + GAP + height > innerHeight ? clientY - GAP - height : clientY + GAP;
      box.style.left = `${Math.max(left, 4)}px`;
      box.style.top = `${Math.max(top, 4)}px`;
    },
    hide() {
      box.hidden = true;
    },
    say(text) {
      spoken.textContent = text;
    },
  };
}
