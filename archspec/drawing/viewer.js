"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const N = data.numbers, [REGULAR, BOLD] = data.widths;
const NS = "http://www.w3.org/2000/svg", ELLIPSIS = "\u2026";
const get = id => document.getElementById(id);
const root = document.documentElement;
root.classList.add("js");

/* State: which boxes are open, by way ("", "/3", "/3/0" for an instance or a child), and
   which instance of a repeat is shown. */
const opened = new Set(data.opened), picked = new Map();
let chosen = null, colour = "g", matches = new Set();

/* The same sums as in archspec/drawing/picture.py. */
const widthOf = (text, size, bold) => {
  let sum = 0;
  for (const c of text) {
    const n = c.codePointAt(0);
    sum += n > 31 && n < 127 ? (bold ? BOLD : REGULAR)[n - 32]
      : c === "\u00d7" ? .84 : c === "\u00b7" ? .38 : 1.05;
  }
  return size * sum;
};
const fitted = (text, room, size, bold) => {
  if (widthOf(text, size, bold) <= room) return text;
  let left = room - widthOf(ELLIPSIS, size, bold), end = "";
  for (const c of text) {
    left -= widthOf(c, size, bold);
    if (left < 0) break;
    end += c;
  }
  return end.trimEnd() + ELLIPSIS;
};
const textsOf = (b, room, open) => {
  const name = fitted(b.n, room, N.BIG, true);
  const left = room - widthOf(name, N.BIG, true) - 6;
  const told = b.v ? [b.v] : [];
  if (b.l && !open) told.push(b.l.join(" \u00b7 "));
  if (b.x) told.push(...b.x.slice(1));
  return {
    name, what: left > 24 ? fitted(b.w, left, N.SMALL) : "",
    facts: fitted(b.f, room, N.SMALL),
    flags: told.map(line => fitted(line, room, N.SMALL, true)),
  };
};
const opens = b => Boolean(b.c || b.P);

/* Whom a way leads to: the box, its path in the net and what its fields add to. */
const add = (a, b) => {
  if (a === null || b === null) return null;
  const [p, q] = [a, b].map(v => Array.isArray(v) ? v : [v, v]);
  const sum = [p[0] + q[0], p[1] + q[1]];
  return sum[0] === sum[1] ? sum[0] : sum;
};
const join = (parent, piece) =>
  piece.startsWith("/") ? piece.slice(1) : parent ? parent + "." + piece : piece;
const TOP = {way: "", box: data.boxes[data.root], path: "", base: 0, level: 0};
const childrenOf = it => {
  const b = it.box;
  if (b.P) return b.P.map(([number, piece, off], n) => ({
    way: it.way + "/" + n, box: {...data.boxes[number], n: piece.replace(/^\//, "")},
    path: join(it.parent || "", piece), parent: it.parent || "", base: add(it.base, off),
    level: it.level + 1, of: it, instance: true,
  }));
  if (!b.c) return [];
  const base = it.instance ? it.base : add(it.base, b.b || 0);
  return b.c.map((number, n) => {
    const box = data.boxes[number];
    return {way: it.way + "/" + n, box, path: join(it.path, box.a || box.n),
      parent: it.path, base, level: it.level + 1, of: it};
  });
};
const shownIn = it => it.box.P ? childrenOf(it)[picked.get(it.way) || 0] : it;

const sized = (it, level, ports) => {
  const b = it.box;
  if (level && !(opens(b) && opened.has(it.way))) {
    const half = (N.WIDEST - N.NARROWER * b.s) / 2;
    const left = Math.max(half, ports[0] + N.LANE), right = Math.max(half, ports[1] + N.LANE);
    const texts = textsOf(b, left + right - 16, false);
    return {it, left, right, height: N.HEIGHT + N.LINE * texts.flags.length, texts};
  }
  const shown = shownIn(it);
  const laid = data.grids[shown.box.G !== undefined ? shown.box.G : b.G];
  const [rows, columns, height, width, nets, tracks, reach, edge] = laid;
  const kids = shown.box.c ? childrenOf(shown) : [shown];
  const inner = kids.map((kid, n) => sized(kid, level + 1, [reach[2 * n], reach[2 * n + 1]]));
  const lefts = Array(width).fill(N.LANE), rights = Array(width).fill(N.LANE);
  rights[0] = Math.max(rights[0], edge + N.LANE);
  const heights = Array(height).fill(0);
  inner.forEach((one, n) => {
    const c = columns[n], r = rows[n];
    lefts[c] = Math.max(lefts[c], one.left);
    rights[c] = Math.max(rights[c], one.right);
    heights[r] = Math.max(heights[r], one.height);
  });
  const pad = level ? N.PAD : 0, middles = [], tops = [];
  const gap = n => N.GAP + N.TRACK * Math.max(0, tracks[n] - 1);
  let at = pad;
  for (let c = 0; c < width; c++) {
    middles.push(at + lefts[c]);
    at += lefts[c] + rights[c] + N.BETWEEN;
  }
  let total = at - N.BETWEEN + pad, y = level ? N.HEAD : 0;
  heights.forEach((tall, r) => {
    if (level || r) y += gap(r);
    tops.push(y);
    y += tall;
  });
  if (level) y += gap(height);
  const left = Math.max(middles[0], ports[0] + N.LANE), shift = left - middles[0];
  const whole = (text, size, bold) => Math.min(widthOf(text, size, bold), N.WIDEST);
  const head = whole(b.n, N.BIG, true) + whole(b.w, N.SMALL) + whole(b.f, N.SMALL) + 40;
  total = Math.max(total + shift, left + ports[1] + N.LANE, head);
  let foot = "";
  if (b.P) {
    const now = picked.get(it.way) || 0;
    foot = fitted(now ? "shown: " + shown.box.n : b.d, total - 16, N.SMALL);
    y += N.FOOT;
  }
  return {it, left, right: total - left, height: y, texts: textsOf(b, total - 36, true),
    laid, inner, middles: middles.map(m => m + shift), tops, heights, foot};
};

const placed = top => {
  const rects = [], lines = [];
  const put = (one, x, y, level) => {
    if (level) rects.push({one, x, y, level});
    if (!one.laid) return;
    const [rows, columns, height, , nets] = one.laid;
    const spots = one.inner.map((child, n) => {
      const left = x + one.middles[columns[n]] - child.left;
      const upper = y + one.tops[rows[n]] + (one.heights[rows[n]] - child.height) / 2;
      put(child, left, upper, level + 1);
      return [left, upper];
    });
    const bottom = y + one.height - (one.foot ? N.FOOT : 0), head = y + (level ? N.HEAD : 0);
    const across = (c, dx) => x + one.middles[c] + dx;
    for (const [source, pieces, lanes, net] of nets) {
      const kind = source < 0 ? "" : ["", "channels", "stride"][one.inner[source].it.box.e || 0];
      const line = {kind: net ? "line-" + net : kind, tip: net ? " as-tip-" + net : "", d: "", tips: "", dots: []};
      const go = (a, b, c, d) => { line.d += `M${a} ${b}` + (a === c ? `V${d}` : `H${c}`); };
      for (const [gap, track, tops, bottoms] of pieces) {
        const above = gap ? y + one.tops[gap - 1] + one.heights[gap - 1] : head;
        const below = gap === height ? bottom : y + one.tops[gap];
        const turn = above + N.GAP / 2 + N.TRACK * Math.max(0, track), xs = [];
        for (let n = 0; n < tops.length; n += 3) {
          const at = across(tops[n], tops[n + 1]), child = tops[n + 2];
          go(at, child < 0 ? above : spots[child][1] + one.inner[child].height, at, turn);
          xs.push(at);
        }
        for (let n = 0; n < bottoms.length; n += 3) {
          const at = across(bottoms[n], bottoms[n + 1]), child = bottoms[n + 2];
          const end = child < 0 ? below : spots[child][1];
          go(at, turn, at, end);
          xs.push(at);
          if (child >= 0) line.tips += `M${at - 3.5} ${end - 6}h7l-3.5 6z`;
        }
        const low = Math.min(...xs), high = Math.max(...xs);
        if (low < high) go(low, turn, high, turn);
        if (xs.length > 2) {
          const inside = [...new Set(xs)].sort((a, b) => a - b).slice(1, -1);
          line.dots.push(...inside.map(at => [at, turn]));
          if (xs.slice(1).includes(xs[0])) line.dots.push([xs[0], turn]);
        }
      }
      for (let n = 0; n < lanes.length; n += 2) {
        const at = across(lanes[n], 0), row = lanes[n + 1];
        go(at, y + one.tops[row], at, y + one.tops[row] + one.heights[row]);
      }
      lines.push(line);
    }
  };
  put(top, 0, 0, 0);
  return [rects, lines];
};

/* The picture. */
const stage = get("stage");
const still = stage.querySelector("svg");
const make = (tag, attributes, ...inner) => {
  const e = document.createElementNS(NS, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...inner);
  return e;
};
const word = (x, y, text, names) =>
  make("text", {class: "as-text " + names, x, y}, text);
const svg = make("svg", {role: "img", "aria-label": still.getAttribute("aria-label")});
const view = make("g", {id: "net", "aria-hidden": "true"});  // the tree says it
svg.append(view);
let size = [1, 1], scale = 1, dx = 0, dy = 0, byWay = new Map();

/* What the second of two nets adds is a part of that one. */
const totalOf = b => data.totals[b.g === "added" ? 1 : 0];
const heat = (b) => {
  const part = (b[colour] || 0) / (totalOf(b)[colour] || 1);
  return part ? Math.min(1, .12 + .88 * Math.sqrt(part)) : 0;
};
const tint = (e, b) => {
  if (colour === "g" || b.x) return;
  e.style.fill = "#e4572e";
  e.style.fillOpacity = heat(b);
};
const draw = () => {
  const top = sized(TOP, 0, [0, 0]), [rects, lines] = placed(top);
  size = [top.left + top.right, top.height];
  byWay = new Map();
  const frames = [], boxes = [];
  for (const {one, x, y, level} of rects) {
    const b = one.it.box, width = one.left + one.right, way = one.it.way;
    const kind = b.x ? b.x[0] : b.g, t = one.texts;
    const names = ["as-" + kind, one.laid ? (level % 2 ? "as-odd" : "as-even") : "", "as-hit",
      way === chosen ? "as-chosen" : "", matches.has(way) ? "as-match" : ""];
    const g = make("g", {"data-way": way});
    if (b.P) for (const d of [2.5, 5]) {
      const r = x + width, u = y + one.height;
      g.append(make("path", {class: "as-line as-edge as-" + kind, d:
        `M${x + 5 + d} ${u + d}H${r + d - 4}Q${r + d} ${u + d} ${r + d} ${u + d - 4}V${y + 5 + d}`}));
    }
    const rect = make("rect", {class: names.join(" "), x, y, width, height: one.height, rx: 5},
      make("title", {}, one.it.path + (opens(b) ? one.laid ? " (folds)" : " (opens)" : "")));
    if (!one.laid) tint(rect, b);
    g.append(rect);
    byWay.set(way, {x, y, width, height: one.height, rect});
    if (one.laid) {
      g.append(make("path", {class: "as-line", d: `M${x} ${y + N.HEAD}h${width}`}));
      let at = x + 10;
      g.append(word(at, y + 17, t.name, "as-name"));
      at += widthOf(t.name, N.BIG, true) + 6;
      g.append(word(at, y + 17, t.what, "as-dim"));
      at += widthOf(t.what, N.SMALL) + 10;
      const room = x + width - 10 - at;
      if (room > 30) g.append(word(at, y + 17,
        fitted([t.facts, ...t.flags].join(" "), room, N.SMALL), "as-dim"));
      if (one.foot) {
        g.append(make("path", {class: "as-line", d: `M${x} ${y + one.height - N.FOOT}h${width}`}));
        g.append(word(x + 8, y + one.height - 6, one.foot, "as-dim"));
      }
      frames.push(g);
    } else {
      g.append(word(x + 8, y + 17, t.name, "as-name"));
      g.append(word(x + 8 + widthOf(t.name, N.BIG, true) + 6, y + 17, t.what, "as-dim"));
      g.append(word(x + 8, y + 33, t.facts, "as-dim"));
      t.flags.forEach((flag, n) => g.append(word(x + 8, y + 48 + 14 * n, flag, "as-flag")));
      boxes.push(g);
    }
  }
  const drawn = lines.map(line => make("g", {},
    make("path", {class: "as-line" + (line.kind && " as-" + line.kind), d: line.d}),
    make("path", {class: "as-tip" + line.tip, d: line.tips}),
    ...line.dots.map(([cx, cy]) => make("circle", {class: "as-tip" + line.tip, cx, cy, r: 2.4}))));
  view.replaceChildren(...frames, ...drawn, ...boxes);
};

const apply = () => view.setAttribute("transform", `translate(${dx} ${dy}) scale(${scale})`);
const fit = () => {
  const w = stage.clientWidth, h = stage.clientHeight;
  // A long net is as wide as the window, read from its top.
  const whole = Math.min((w - 24) / size[0], (h - 24) / size[1]);
  scale = Math.min(1.25, Math.max(whole, Math.min(1, (w - 24) / size[0])));
  dx = (w - scale * size[0]) / 2;
  dy = 12;
  apply();
};
const zoom = (by, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
  const next = Math.min(6, Math.max(.03, scale * by));
  dx = x - (x - dx) * next / scale;
  dy = y - (y - dy) * next / scale;
  scale = next;
  apply();
};
const reveal = way => {
  const at = byWay.get(way);
  if (!at) return;
  const w = stage.clientWidth, h = stage.clientHeight;
  const x = dx + scale * at.x, y = dy + scale * at.y;
  if (x < 0 || y < 0 || x + scale * Math.min(at.width, 200) > w || y + scale * 60 > h) {
    if (scale < .4) scale = 1;
    dx = w / 2 - scale * (at.x + at.width / 2);
    dy = h / 3 - scale * at.y;
    apply();
  }
};

/* Folding keeps what was clicked where it is on the screen. */
const toggle = (way, to = !opened.has(way)) => {
  const before = byWay.get(way);
  to ? opened.add(way) : opened.delete(way);
  refresh();
  const after = byWay.get(way);
  if (before && after) {
    dx += scale * (before.x - after.x);
    dy += scale * (before.y - after.y);
    apply();
  }
};
const refresh = () => { draw(); grow(); };

/* The items of a way, from the net to it. */
const itemsOf = way => {
  const found = [TOP];
  for (const n of way.split("/").slice(1)) found.push(childrenOf(found.at(-1))[n]);
  return found;
};
const show = way => {
  for (const it of itemsOf(way).slice(0, -1)) {
    opened.add(it.way);
    if (it.instance) picked.set(it.of.way, Number(it.way.split("/").at(-1)));
  }
  const last = itemsOf(way).at(-1);
  if (last.instance) {
    opened.add(last.of.way);
    picked.set(last.of.way, Number(way.split("/").at(-1)));
  }
};
/* An instance has no box of its own in the picture: the repeat around it has. */
const boxOf = way => {
  const it = itemsOf(way).at(-1);
  return it.instance && it.box.c ? it.of.way : way;
};
const choose = (way, focus) => {
  chosen = boxOf(way);
  for (const [w, {rect}] of byWay) rect.classList.toggle("as-chosen", w === chosen);
  for (const e of tree.querySelectorAll("[aria-selected=true]")) e.setAttribute("aria-selected", "false");
  const e = treeitem(way);
  if (e) {
    e.setAttribute("aria-selected", "true");
    for (const t of tree.querySelectorAll("[tabindex='0']")) t.tabIndex = -1;
    e.tabIndex = 0;
    if (focus) e.focus();
    e.scrollIntoView({block: "nearest"});
  }
  tell(itemsOf(way).at(-1));
};

/* The tree, made as far as it is open. */
const tree = get("tree");
const treeitem = way => tree.querySelector(`[data-way="${way}"]`);
const html = (tag, attributes, ...inner) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...inner);
  return e;
};
const treeOpen = it => it.instance ? opened.has(it.of.way) && open_instances.has(it.way) : opened.has(it.way);
const open_instances = new Set();
/* What became of it, in words as well. */
const state = b => {
  const kind = b.x ? b.x[0] : ["added", "removed", "changed"].find(k => k === b.g);
  return kind ? [html("span", {class: "state " + kind}, b.x || kind !== "changed" ? kind : "changed inside")] : [];
};
const grow = () => {
  const focused = document.activeElement && document.activeElement.dataset.way;
  const inTree = tree.contains(document.activeElement);
  const branch = it => childrenOf(it).map(kid => {
    const b = kid.box, can = opens(b), open = can && treeOpen(kid);
    const e = html("li", {role: "treeitem", "data-way": kid.way, tabindex: -1,
      "aria-level": kid.level, "aria-selected": "false"},
      html("div", {class: "row", style: `padding-left:${8 + 14 * (kid.level - 1)}px`},
        html("span", {class: "twist", "aria-hidden": "true"}, can ? open ? "\u25be" : "\u25b8" : ""),
        html("span", {}, b.n), html("span", {class: "what"}, b.w), ...state(b)));
    if (can) e.setAttribute("aria-expanded", String(open));
    if (open) e.append(html("ul", {role: "group"}, ...branch(kid)));
    return e;
  });
  tree.replaceChildren(...branch(TOP));
  const again = (focused !== undefined && treeitem(focused)) || (chosen && treeitem(chosen)) || tree.firstElementChild;
  if (again) {
    again.tabIndex = 0;
    if (inTree) again.focus();
  }
  if (chosen && treeitem(chosen)) treeitem(chosen).setAttribute("aria-selected", "true");
};
const unfold = (way, to) => {
  const it = itemsOf(way).at(-1);
  if (!opens(it.box)) return;
  if (!it.instance) return toggle(way, to);
  to = to === undefined ? !open_instances.has(way) : to;
  to ? open_instances.add(way) : open_instances.delete(way);
  if (to) show(way);
  refresh();
};
tree.addEventListener("click", event => {
  const e = event.target.closest("[role=treeitem]");
  if (!e) return;
  const way = e.dataset.way;
  if (event.target.closest(".twist")) unfold(way);
  else if (itemsOf(way).at(-1).instance) { show(way); refresh(); }
  choose(way, true);
  reveal(boxOf(way));
  if (!event.target.closest(".twist")) menu(false);
});
tree.addEventListener("keydown", event => {
  const all = [...tree.querySelectorAll("[role=treeitem]")];
  const now = event.target.closest("[role=treeitem]"), n = all.indexOf(now);
  if (n < 0) return;
  const way = now.dataset.way, open = now.getAttribute("aria-expanded");
  const go = e => { if (e) choose(e.dataset.way, true), reveal(boxOf(e.dataset.way)); };
  switch (event.key) {
    case "ArrowDown": go(all[n + 1]); break;
    case "ArrowUp": go(all[n - 1]); break;
    case "Home": go(all[0]); break;
    case "End": go(all.at(-1)); break;
    case "ArrowRight": open === "false" ? unfold(way, true) : open && go(all[n + 1]); break;
    case "ArrowLeft":
      if (open === "true") unfold(way, false);
      else go(now.parentElement.closest("[role=treeitem]"));
      break;
    case "Enter": case " ": unfold(way); choose(way, true); reveal(boxOf(way)); break;
    default: return;
  }
  event.preventDefault();
});

/* The panel. */
const panel = get("panel");
const number = n => (n || 0).toLocaleString("en");
const share = (n, all) => all && n ? ` (${(100 * n / all).toPrecision(3)} %)` : "";
/* A value, or that of both nets. */
const both = (a, b) => b === undefined || a === b ? a : a ? b ? a + " -> " + b : a + " -> none" : "none -> " + b;
const counted = (b, k, place, say) => {
  const own = b[k] || 0, total = totalOf(b)[k];
  return b.u && b.u[place] !== own
    ? both(say(own) + share(own, total), say(b.u[place]) + share(b.u[place], data.totals[1][k]))
    : say(own) + share(own, total);
};
const bytes = n => {
  for (const unit of ["B", "KiB", "MiB"]) {
    if (n < 1024) return `${n.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
    n /= 1024;
  }
  return `${n.toFixed(1)} GiB`;
};
const axes = v => Array.isArray(v) ? v.join(" \u00d7 ") : String(v);
const table = rows => html("table", {}, ...rows.filter(row => row[1] !== "").map(([a, ...b]) =>
  html("tr", {}, html("th", {scope: "row"}, a), html("td", {}, ...b))));
/* Rows by their first cell, with the values of both nets. */
const joined = (one, other) => {
  if (!other) return one;
  const rest = new Map(other.map(row => [row[0], row]));
  const rows = one.map(([key, value, ...more]) => {
    const now = rest.get(key);
    rest.delete(key);
    return [key, both(value, now ? now[1] : ""), ...(now && now[1] === value ? more : [])];
  });
  return [...rows, ...[...rest.values()].map(([key, value]) => [key, both("", value)])];
};
const sizes = ([name, shape]) => [name, "[" + shape.join(", ") + "]"];
const tell = it => {
  panel.classList.remove("welcome");
  const b = it.box, info = data.infos[b.i] || {}, next = data.infos[b.j] || {}, field = b.r[0] === null ? null : add(it.instance && !it.box.P ? it.base : it.base, b.r[0]);
  const parts = [html("h2", {}, it.path || b.n), html("p", {}, b.w)];
  if (info.z) parts.push(html("p", {}, info.z));
  if (b.x) parts.push(html("p", {}, html("strong", {}, b.x.slice(1).join("; "))));
  if (b.P) {
    const pick = html("select", {id: "instance"}, ...b.P.map((p, n) =>
      html("option", {value: n}, p[1].replace(/^\//, ""))));
    pick.value = picked.get(it.way) || 0;
    pick.addEventListener("change", () => {
      picked.set(it.way, Number(pick.value));
      opened.add(it.way);
      refresh();
      choose(it.way);
    });
    parts.push(html("p", {}, html("label", {}, "Instance shown ", pick)), html("p", {}, b.d));
  }
  parts.push(table([
    ["in the second net", b.u && b.u[0] !== it.path ? b.u[0] : ""],
    ["reads", both((info.t || []).join(", "), next.t && next.t.join(", "))],
    ["gives", both(info.o || "", next.o)],
    ["", (b.l || []).join(", ")],
    ["parameters", counted(b, "p", 1, number)],
    ["MACs", counted(b, "m", 2, number)],
    ["output memory", counted(b, "y", 3, bytes) + " in float32"],
    ["receptive field", b.r[1] === null ? "" : field === null ? "all of the image" : axes(field) + " pixels"],
    ["stride", b.r[1] === null ? "" : axes(b.r[1]) + " pixels"],
  ]));
  if (info.k && info.k.length) parts.push(html("h3", {}, b.c || b.P ? "Params" : "Attributes"),
    table(joined(info.k, next.k).map(([key, value, text]) => [key, value, ...(text && text !== value ? [" ", html("code", {}, "=" + text)] : [])])));
  if (info.u && info.u.length && !b.P) parts.push(html("h3", {}, "In the weight file"),
    table(joined(info.u.map(sizes), next.u && next.u.map(sizes)).map(([name, shape]) => [it.path + "." + name, shape])));
  if (info.h && info.h.length) parts.push(html("p", {}, "Only when, or how often: ",
    ...info.h.map(text => html("code", {}, "=" + text + " "))));
  if (info.q) parts.push(html("h3", {}, info.q[0]), html("pre", {}, info.q[1]));
  panel.replaceChildren(...parts);
};
const welcome = () => {
  panel.classList.add("welcome");
  panel.replaceChildren(html("h2", {}, still.getAttribute("aria-label")), ...data.told.map(text => html("p", {}, text)),
    html("p", {}, "A click chooses a box and opens or folds it. Keys: / finds, [ and ] fold and open a level, + \u2212 0 zoom, arrows move."));
};

/* Search: every layer of every instance. */
const find = get("find");
let hits = [], hit = 0;
const search = () => {
  const text = find.value.trim().toLowerCase();
  hits = [];
  matches = new Set();
  const walk = it => {
    for (const kid of childrenOf(it)) {
      const leaf = !opens(kid.box);
      if (kid.path.toLowerCase().includes(text) && (leaf || kid.path.toLowerCase().endsWith(text))
          || leaf && kid.box.w.toLowerCase().includes(text)
          || kid.box.x && kid.box.x.join(" ").toLowerCase().includes(text)) hits.push(kid.way);
      walk(kid);
    }
  };
  if (text) walk(TOP);
  matches = new Set(hits);
  hit = 0;
  get("found").textContent = text ? `${hits.length} found` : "";
  draw();
};
const visit = by => {
  if (!hits.length) return;
  hit = (hit + by + hits.length) % hits.length;
  const way = hits[hit];
  for (const it of itemsOf(way)) if (it.instance) open_instances.add(it.way);
  show(way);
  refresh();
  choose(way);
  reveal(boxOf(way));
  get("found").textContent = `${hit + 1} of ${hits.length}`;
};
find.addEventListener("input", search);
find.addEventListener("keydown", event => {
  if (event.key === "Enter") {
    visit(find.dataset.at === find.value ? event.shiftKey ? -1 : 1 : 0);
    find.dataset.at = find.value;
  }
  if (event.key === "Escape") { find.value = ""; search(); stage.focus(); }
});

/* A link to a node, from what stands above the picture. */
const wayTo = path => {
  let found;
  const walk = it => childrenOf(it).some(kid =>
    kid.path === path && !kid.box.P ? (found = kid.way, true) : walk(kid));
  walk(TOP);
  return found;
};
document.addEventListener("click", event => {
  const link = event.target.closest("a[data-node]");
  const way = link && wayTo(link.dataset.node);
  if (!way) return;
  for (const it of itemsOf(way)) if (it.instance) open_instances.add(it.way);
  show(way);
  refresh();
  choose(way);
  reveal(boxOf(way));
  event.preventDefault();
  get("drawing").scrollIntoView();
});

/* Levels, zoom, theme. */
const level = by => {
  const open = [], fold = [];
  let deepest = 0;
  const walk = it => {
    if (opened.has(it.way) && opens(it.box)) {
      deepest = Math.max(deepest, it.level);
      for (const kid of it.box.P ? childrenOf(shownIn(it)) : childrenOf(it)) walk(kid);
    } else if (opens(it.box)) open.push(it);
  };
  walk(TOP);
  if (by > 0) {
    const first = Math.min(...open.map(it => it.level));
    for (const it of open) if (it.level === first) opened.add(it.way);
  } else {
    for (const way of [...opened]) {
      const it = itemsOf(way).at(-1);
      if (it && it.level === deepest && deepest) fold.push(way);
    }
    fold.forEach(way => opened.delete(way));
  }
  refresh();
  fit();
};
get("more").onclick = () => level(1);
get("less").onclick = () => level(-1);
get("in").onclick = () => zoom(1.3);
get("out").onclick = () => zoom(1 / 1.3);
get("fit").onclick = fit;
if (data.totals.length > 1) get("by").options[0].text = "change";
get("by").onchange = event => { colour = event.target.value; draw(); };
get("theme").onclick = () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
};
const menu = on => {
  get("side").classList.toggle("shown", on);
  get("menu").setAttribute("aria-expanded", String(on));
};
get("menu").onclick = () => menu(!get("side").classList.contains("shown"));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
  const acts = {"/": () => find.focus(), "[": () => level(-1), "]": () => level(1),
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), "0": fit};
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});
stage.addEventListener("keydown", event => {
  const moves = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]};
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  dx += move[0];
  dy += move[1];
  apply();
});
const alone = !document.querySelector(".above");
stage.addEventListener("wheel", event => {
  // Where the picture is a part of a page, the wheel moves the page.
  if (!(alone || event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const at = stage.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 150), event.clientX - at.x, event.clientY - at.y);
  else { dx -= event.deltaX; dy -= event.deltaY; apply(); }
}, {passive: false});
const fingers = new Map();
let moved = 0, pressed = null;
stage.addEventListener("pointerdown", event => {
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  if (fingers.size === 1) {
    moved = 0;
    const g = event.target.closest("[data-way]");
    pressed = g && g.dataset.way;
  }
  stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", event => {
  const last = fingers.get(event.pointerId);
  if (!last) return;
  const now = [event.clientX, event.clientY];
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
    const at = stage.getBoundingClientRect();
    moved = 99;
    zoom(far(now, other) / (far(last, other) || 1), (now[0] + other[0]) / 2 - at.x, (now[1] + other[1]) / 2 - at.y);
  } else {
    moved += Math.abs(now[0] - last[0]) + Math.abs(now[1] - last[1]);
    if (moved > 4) { dx += now[0] - last[0]; dy += now[1] - last[1]; apply(); }
  }
  fingers.set(event.pointerId, now);
});
const lift = event => {
  fingers.delete(event.pointerId);
  if (event.type === "pointerup" && moved <= 4 && pressed !== null) {
    const it = itemsOf(pressed).at(-1);
    if (opens(it.box)) toggle(pressed);
    choose(pressed);
  }
  pressed = null;
};
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);
/* On paper a net that is too long for one sheet is cut between its rows. */
addEventListener("beforeprint", () => {
  const [WIDE, TALL] = [690, 920], width = size[0] + 24, end = size[1] + 12;
  const whole = Math.min(1, WIDE / width, TALL / (end + 12));
  const scale = whole < .55 ? Math.min(.8, WIDE / width) : whole;
  const rows = [...byWay].filter(([way]) => way.lastIndexOf("/") === 0).map(([, at]) => at);
  const cuts = [-12];
  for (const {y} of rows.sort((a, b) => a.y - b.y)) {
    const below = Math.min(end, ...rows.filter(row => row.y > y).map(row => row.y - 9));
    if (below - cuts.at(-1) > TALL / scale && y - 9 > cuts.at(-1)) cuts.push(y - 9);
  }
  view.removeAttribute("transform");
  cuts.forEach((top, n) => {
    const height = (cuts[n + 1] ?? end) - top;
    stage.append(make("svg", {class: "sheet", viewBox: `-12 ${top} ${width} ${height}`,
      width: width * Math.min(scale, TALL / height)}, make("use", {href: "#net"})));
  });
});
addEventListener("afterprint", () => {
  for (const sheet of stage.querySelectorAll(".sheet")) sheet.remove();
  apply();
});
addEventListener("resize", fit);

opened.add("");
still.replaceWith(svg);
draw();
grow();
fit();
welcome();
})();
