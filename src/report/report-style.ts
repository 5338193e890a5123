/** The look of a report: quiet, on screens light and dark, and on paper. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --page: #faf9f7; --card: #ffffff; --ink: #1f1d1a; --muted: #69645c; --line: #e3dfd8;
  --forget: #b4410e; --retain: #0f6e66; --lambda: #5b35b5; --warn: #fff3d6; --warn-line: #d9a520;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161513; --card: #1f1e1b; --ink: #ebe7e0; --muted: #a59f94; --line: #37342f;
    --forget: #f59457; --retain: #45c9b8; --lambda: #b39bf5; --warn: #332b15; --warn-line: #8f7326;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: clamp(1.9rem, 5vw, 2.8rem); line-height: 1.1; letter-spacing: -.02em; margin: .2rem 0 .8rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; letter-spacing: -.01em; margin: 3rem 0 .3rem; }
h3 { font-size: .95rem; margin: 1.6rem 0 .6rem; }
p { margin: .4rem 0; max-width: 44rem; }
.kicker, .note, figcaption, th, dt { color: var(--muted); }
.kicker { font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
.note { font-size: .9rem; }
.lead { font-size: 1.1rem; }
bdi { overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 1rem; margin: 2rem 0 0; padding: 0; list-style: none; }
.figures li, .pair, .chart { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.figures li { padding: 1.1rem 1.25rem; border-top: 3px solid var(--muted); }
.figures .forget { border-top-color: var(--forget); }
.figures .retain { border-top-color: var(--retain); }
.figures strong { display: block; font-size: 2rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.figures strong small { font-size: 1.2rem; font-weight: 400; color: var(--muted); }
.figures span { font-size: .9rem; color: var(--muted); }
.callout { background: var(--warn); border-left: 3px solid var(--warn-line); border-radius: 6px; padding: .7rem 1rem; margin: 1.25rem 0 0; max-width: none; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
.pair { margin: 0; padding: .75rem; }
.pair > div { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.pair span { display: block; margin-top: .2rem; font-size: .75rem; color: var(--muted); }
.pair figcaption { font-size: .85rem; line-height: 1.4; margin-top: .5rem; color: var(--ink); }
img { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: 6px; background: var(--line); }
.pixels img { image-rendering: pixelated; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { font-weight: 500; text-align: left; }
td, th { padding: .4rem .75rem .4rem 0; vertical-align: top; }
.rows tr + tr > * { border-top: 1px solid var(--line); }
.strips { width: auto; }
.strips th { font-size: .8rem; padding-right: .4rem; }
.strips th[scope="row"] { width: 11rem; min-width: 8rem; color: var(--ink); padding-right: 1rem; line-height: 1.35; }
.strips td { padding: .2rem .4rem .2rem 0; }
.strips img { width: 5.5rem; }
.role { display: block; font-size: .75rem; }
.role.forget { color: var(--forget); }
.role.retain { color: var(--retain); }
.chart { margin: 1rem 0 0; padding: 1rem 1rem .6rem; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .9rem; }
.key::before { content: ""; display: inline-block; width: 1.1em; height: 3px; border-radius: 2px; margin-right: .4em; vertical-align: middle; background: currentColor; }
.key.forget { color: var(--forget); }
.key.retain { color: var(--retain); }
.key.lambda { color: var(--lambda); }
svg { display: block; width: 100%; height: auto; margin-top: .5rem; }
svg text { font-size: 11px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .y { text-anchor: end; }
svg .x { text-anchor: middle; }
svg path { fill: none; }
svg .grid { stroke: var(--line); }
svg .mean { stroke-width: 2; stroke-linejoin: round; }
svg .raw { opacity: .3; }
svg path.forget { stroke: var(--forget); }
svg path.retain { stroke: var(--retain); }
svg path.lambda { stroke: var(--lambda); }
.columns { columns: 18rem; column-gap: 2rem; padding-left: 1.1rem; font-size: .9rem; margin: .4rem 0; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .35rem 1.5rem; font-size: .9rem; margin: .6rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .85em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--muted); }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --ink: #000; --muted: #555; --line: #ccc;
    --forget: #b4410e; --retain: #0f6e66; --lambda: #5b35b5; --warn: #fff; --warn-line: #999;
  }
  @page { margin: 15mm; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  .pair, .chart, .figures li, tr, .callout { break-inside: avoid; }
  .pairs { grid-template-columns: repeat(3, 1fr); gap: .6rem; }
  .scroll { overflow: visible; }
  .strips img { width: 4rem; }
}
`;
