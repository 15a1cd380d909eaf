"use strict";
(() => {
const {nodes, left, right} = JSON.parse(document.getElementById("curves").textContent);
for (const figure of document.querySelectorAll(".curve")) {
  const [at, names, rows] = JSON.parse(figure.dataset.values);
  const svg = figure.querySelector("svg"), said = figure.querySelector(".readout");
  const wide = svg.viewBox.baseVal.width, high = svg.viewBox.baseVal.height;
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("class", "ap-axis");
  svg.append(line);
  const last = Number(figure.dataset.last) || 1;
  let now = -1;
  const tell = n => {
    now = Math.max(0, Math.min(at.length - 1, n));
    const [name, kind] = nodes[at[now]];
    const x = left + (wide - left - right) * at[now] / last;
    line.setAttribute("d", `M${x} 30V${high - 38}`);
    const link = document.createElement("a");
    link.href = "#drawing";
    link.dataset.node = name;
    link.textContent = name;
    said.replaceChildren(link, ` (${kind}): ` + rows.map((row, n) =>
      `${names[n]} ${row[row.length > 1 ? now : 0]}`).join("; "));
  };
  const under = event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * wide / box.width;
    const wanted = last * (x - left) / (wide - left - right);
    let low = 0, up = at.length - 1;
    while (low < up) {
      const middle = (low + up) >> 1;
      at[middle] < wanted ? low = middle + 1 : up = middle;
    }
    tell(low && wanted - at[low - 1] < at[low] - wanted ? low - 1 : low);
  };
  svg.addEventListener("pointermove", under);
  svg.addEventListener("click", event => {
    under(event);
    said.querySelector("a").click();
  });
  figure.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) { tell(now + step); event.preventDefault(); }
    if (event.key === "Enter" && event.target === figure && now >= 0) said.querySelector("a").click();
  });
}
})();
