// What KeplerMapper's script asks of d3 (version 6) and FileSaver, which its page would load from the network.
"use strict";

const d3 = (() => {
  /** Elements in groups, each with the element that it was looked for in. Groups may have holes. */
  class Selection {
    constructor(groups, parents) {
      this.groups = groups;
      this.parents = parents;
    }

    nodes() {
      return this.groups.flatMap((group) => group.filter(Boolean));
    }

    node() {
      return this.nodes()[0] ?? null;
    }

    size() {
      return this.nodes().length;
    }

    each(act) {
      for (const group of this.groups) {
        group.forEach((node, i) => node && act.call(node, node.__data__, i, group));
      }
      return this;
    }

    /** Set something of each element to a value, or to what a function makes of its datum. */
    set(value, change) {
      return this.each(function (datum, i, group) {
        change(this, typeof value === "function" ? value.call(this, datum, i, group) : value);
      });
    }

    attr(name, value) {
      return this.set(value, (node, found) => {
        if (found === null) node.removeAttribute(name);
        else node.setAttribute(name, found);
      });
    }

    style(name, value) {
      return this.set(value, (node, found) => {
        if (found === null) node.style.removeProperty(name);
        else node.style.setProperty(name, found);
      });
    }

    text(value) {
      return this.set(value, (node, found) => (node.textContent = found));
    }

    html(value) {
      return this.set(value, (node, found) => (node.innerHTML = found));
    }

    classed(name, value) {
      return this.set(value, (node, found) => node.classList.toggle(name, found));
    }

    property(name) {
      return this.node()[name];
    }

    datum(value) {
      return this.set(value, (node, found) => (node.__data__ = found));
    }

    /** One listener for each type and name, such as "click.zoom", called with the event and the datum. */
    on(name, listener) {
      return this.each(function () {
        const listeners = (this.__listeners ??= {});
        const type = name.split(".")[0];
        this.removeEventListener(type, listeners[name]);
        listeners[name] = listener && ((event) => listener.call(this, event, this.__data__));
        this.addEventListener(type, listeners[name]);
      });
    }

    dispatch(type) {
      return this.each(function () {
        this.dispatchEvent(new CustomEvent(type));
      });
    }

    call(act, ...rest) {
      act(this, ...rest);
      return this;
    }

    transition() {
      return { duration: () => this }; // at once
    }

    map(find) {
      return new Selection(
        this.groups.map((group) => group.map((node, i) => node && find(node, i))),
        this.parents,
      );
    }

    append(name) {
      return this.map((node) => inherit(node, node.appendChild(create(name, node))));
    }

    select(selector) {
      return this.map((node) => inherit(node, node.querySelector(selector)));
    }

    selectAll(selector) {
      const nodes = this.nodes();
      return new Selection(
        nodes.map((node) => [...node.querySelectorAll(selector)]),
        nodes,
      );
    }

    filter(keep) {
      return new Selection(
        this.groups.map((group) => group.filter((node, i) => node && keep.call(node, node.__data__, i))),
        this.parents,
      );
    }

    /** Without arguments the elements' data; else what is joined by key, or by position. */
    data(values, key) {
      if (values === undefined) return this.nodes().map((node) => node.__data__);
      return new Joined(
        this.groups.map((group) => match(group.filter(Boolean), values, key)),
        this.parents,
      );
    }
  }

  /** Elements and data that are about to be joined. */
  class Joined {
    constructor(matches, parents) {
      this.matches = matches;
      this.parents = parents;
    }

    join(enter, update = (selection) => selection) {
      const append = typeof enter === "function" ? enter : (entered) => entered.append(enter);
      const entered = append(new Entered(this.matches.map(({ entering }) => entering), this.parents));
      const updated = new Selection(this.matches.map(({ updating }) => updating), this.parents);
      update(updated);
      this.matches.flatMap(({ leaving }) => leaving).forEach((node) => node.remove());
      return new Selection(
        entered.groups.map((group, i) => Array.from(group, (node, j) => node ?? updated.groups[i][j])),
        this.parents,
      );
    }
  }

  /** Data without elements. */
  class Entered {
    constructor(groups, parents) {
      this.groups = groups;
      this.parents = parents;
    }

    append(name) {
      const appendTo = (parent, datum) => Object.assign(parent.appendChild(create(name, parent)), { __data__: datum });
      return new Selection(
        this.groups.map((group, i) => group.map((entry) => entry && appendTo(this.parents[i], entry.datum))),
        this.parents,
      );
    }
  }

  function match(nodes, values, key) {
    const keyOf = (datum, i) => (key ? String(key(datum)) : i);
    const left = new Map(nodes.map((node, i) => [keyOf(node.__data__, i), node]));
    const found = { entering: [], updating: [] };
    values.forEach((datum, i) => {
      const node = left.get(keyOf(datum, i));
      left.delete(keyOf(datum, i));
      found.updating.push(node && Object.assign(node, { __data__: datum }));
      found.entering.push(node ? undefined : { datum });
    });
    const kept = new Set(found.updating);
    return { ...found, leaving: nodes.filter((node) => !kept.has(node)) };
  }

  function create(name, parent) {
    return document.createElementNS(parent.namespaceURI, name);
  }

  function inherit(from, to) {
    if (to && "__data__" in from) to.__data__ = from.__data__;
    return to;
  }

  function select(what) {
    return new Selection([[typeof what === "string" ? document.querySelector(what) : what]], [null]);
  }

  function selectAll(selector) {
    return new Selection([[...document.querySelectorAll(selector)]], [document.documentElement]);
  }

  /** Between numbers, or between colours written as rgb(r, g, b). */
  function scaleLinear() {
    let [domain, range] = [[0, 1], [0, 1]];
    const at = (value) => {
      const above = domain.findIndex((end, i) => i > 0 && (value <= end || i === domain.length - 1));
      const share = (value - domain[above - 1]) / (domain[above] - domain[above - 1]);
      const [from, to] = [range[above - 1], range[above]].map((end) => String(end).match(/-?[\d.]+/g).map(Number));
      const between = from.map((start, i) => start + share * (to[i] - start));
      return between.length === 1 ? between[0] : `rgb(${between.map(Math.round).join(", ")})`;
    };
    at.domain = (value) => ((domain = value), at);
    at.range = (value) => ((range = value), at);
    at.exponent = () => at; // KeplerMapper's is 1
    return at;
  }

  function symbol() {
    let size = () => 64;
    const draw = (datum) => {
      const radius = Math.sqrt(size(datum) / Math.PI);
      return `M${radius},0A${radius},${radius},0,1,1,${-radius},0A${radius},${radius},0,1,1,${radius},0`;
    };
    draw.size = (value) => ((size = value), draw);
    draw.type = () => draw; // KeplerMapper's is a circle
    return draw;
  }

  function zoom() {
    let [least, most] = [0, Infinity];
    let listener = () => {};
    let [k, x, y] = [1, 0, 0];
    const tell = () => listener({ transform: `translate(${x},${y}) scale(${k})` });
    const behave = (selection) => {
      const area = selection.node();
      selection.on("wheel.zoom", (event) => {
        event.preventDefault();
        const next = Math.min(Math.max(k * 2 ** (-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), least), most);
        const frame = area.getBoundingClientRect();
        const [atX, atY] = [event.clientX - frame.left, event.clientY - frame.top];
        [x, y, k] = [atX - ((atX - x) * next) / k, atY - ((atY - y) * next) / k, next];
        tell();
      });
      selection.on("mousedown.zoom", (event) => {
        const start = [x - event.clientX, y - event.clientY];
        follow((moved) => {
          [x, y] = [start[0] + moved.clientX, start[1] + moved.clientY];
          tell();
        });
      });
    };
    behave.scaleExtent = (extent) => (([least, most] = extent), behave);
    behave.on = (_, value) => ((listener = value), behave);
    behave.translateTo = (selection, toX, toY) => {
      const { width, height } = selection.node().getBoundingClientRect();
      [x, y] = [width / 2 - k * toX, height / 2 - k * toY];
      tell();
    };
    return behave;
  }

  function drag() {
    const listeners = {};
    const behave = (selection) => {
      selection.on("mousedown.drag", function (event, datum) {
        const place = (at) => new DOMPoint(at.clientX, at.clientY).matrixTransform(this.parentNode.getScreenCTM().inverse());
        const [start, from] = [place(event), [datum.x, datum.y]];
        const tell = (name, at, active) => {
          listeners[name]?.call(this, { x: from[0] + at.x - start.x, y: from[1] + at.y - start.y, active }, datum);
        };
        event.preventDefault();
        tell("start", start, 0);
        follow((moved) => tell("drag", place(moved), 1), (ended) => tell("end", place(ended), 0));
      });
    };
    behave.on = (name, listener) => ((listeners[name] = listener), behave);
    return behave;
  }

  function follow(move, end = () => {}) {
    const stop = (event) => {
      window.removeEventListener("mousemove", move);
      window.removeEventListener("mouseup", stop);
      end(event);
    };
    window.addEventListener("mousemove", move);
    window.addEventListener("mouseup", stop);
  }

  /** Nodes that move until they have cooled down, as d3's do: the same forces, with exact repulsion. */
  function forceSimulation() {
    let nodes = [];
    let [alpha, target, running] = [1, 0, false];
    let tick = () => {};
    const forces = new Map();
    const frame = () => {
      running = alpha >= 0.001 || target > 0;
      if (!running) return;
      alpha += (target - alpha) * (1 - 0.001 ** (1 / 300));
      forces.forEach((force) => force(alpha, nodes));
      for (const node of nodes) {
        for (const [at, speed, fixed] of [["x", "vx", "fx"], ["y", "vy", "fy"]]) {
          node[speed] = node[fixed] == null ? node[speed] * 0.6 : 0;
          node[at] = node[fixed] ?? node[at] + node[speed];
        }
      }
      tick();
      requestAnimationFrame(frame);
    };
    const simulation = {
      force: (name, force) => (force === undefined ? forces.get(name) : (forces.set(name, force), simulation)),
      on: (_, listener) => ((tick = listener), simulation),
      alpha: (value) => ((alpha = value), simulation),
      alphaTarget: (value) => ((target = value), simulation),
      nodes: (value) => ((nodes = value), nodes.forEach(settle), simulation),
      restart: () => {
        if (!running) requestAnimationFrame(frame);
        running = true;
        return simulation;
      },
    };
    return simulation;
  }

  /** A node that has no place yet gets one on a spiral. */
  function settle(node, i) {
    const [radius, angle] = [10 * Math.sqrt(0.5 + i), i * Math.PI * (3 - Math.sqrt(5))];
    Object.assign(node, { x: radius * Math.cos(angle), y: radius * Math.sin(angle), vx: 0, vy: 0, ...node });
  }

  function forceManyBody() {
    let strength = -30;
    const force = (alpha, nodes) => {
      for (const node of nodes) {
        for (const other of nodes) {
          if (other === node) continue;
          const [dx, dy] = [other.x - node.x || 1e-6, other.y - node.y || 1e-6];
          const push = (strength * alpha) / Math.max(dx * dx + dy * dy, 1);
          node.vx += dx * push;
          node.vy += dy * push;
        }
      }
    };
    force.strength = (value) => ((strength = value), force);
    return force;
  }

  function forceCenter(x, y) {
    return (_, nodes) => {
      for (const [name, middle] of [["x", x], ["y", y]]) {
        const shift = middle - nodes.reduce((sum, node) => sum + node[name], 0) / nodes.length;
        nodes.forEach((node) => (node[name] += shift));
      }
    };
  }

  function forceLink() {
    let [distance, links, counts] = [30, [], new Map()];
    const force = (alpha, nodes) => {
      for (const link of links) {
        // A link names its ends by their numbers, and from then on holds them.
        for (const end of ["source", "target"]) link[end] = nodes[link[end]] ?? link[end];
      }
      counts = new Map(nodes.map((node) => [node, 0]));
      links.forEach(({ source, target }) => [source, target].forEach((end) => counts.set(end, counts.get(end) + 1)));
      for (const { source, target } of links) {
        const dx = target.x + target.vx - source.x - source.vx || 1e-6;
        const dy = target.y + target.vy - source.y - source.vy || 1e-6;
        const length = Math.hypot(dx, dy);
        const [ofSource, ofTarget] = [counts.get(source), counts.get(target)];
        const pull = (((length - distance) / length) * alpha) / Math.min(ofSource, ofTarget);
        const share = ofSource / (ofSource + ofTarget);
        target.vx -= dx * pull * share;
        target.vy -= dy * pull * share;
        source.vx += dx * pull * (1 - share);
        source.vy += dy * pull * (1 - share);
      }
    };
    force.distance = (value) => ((distance = value), force);
    force.links = (value) => ((links = value), force);
    return force;
  }

  function towardsZero(at, speed) {
    return () => (alpha, nodes) => nodes.forEach((node) => (node[speed] -= 0.1 * alpha * node[at]));
  }

  const [forceX, forceY] = [towardsZero("x", "vx"), towardsZero("y", "vy")];
  return {
    ...{ select, selectAll, scaleLinear, scalePow: scaleLinear, symbol, symbolCircle: null, zoom, drag },
    ...{ forceSimulation, forceManyBody, forceCenter, forceLink, forceX, forceY },
  };
})();

function saveAs(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
