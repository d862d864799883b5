/** One HTML file that needs nothing else and loads nothing: what readers that go by mail have in common. */

export const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/** `skip`: the id of what a keyboard goes to first, and its name. */
export const htmlPage = (o: {
  readonly title: string;
  readonly skip: readonly [string, string];
  readonly css: string;
  readonly body: string;
  readonly script: string;
}): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(o.title)}</title><style>${css}${o.css}</style></head>
<body><a class="skip" href="#${o.skip[0]}">${o.skip[1]}</a>
${o.body}
<script>${o.script}</script></body></html>
`;

const css = `
:root{color-scheme:light dark;--paper:light-dark(#faf9f6,#131715);--card:light-dark(#fff,#1a1f1c);--ink:light-dark(#1c2420,#e5e9e6);--soft:light-dark(#57635c,#9ba8a1);--line:light-dark(#dcded8,#2f3733);--a:light-dark(#44599c,#9badec);--a-wash:light-dark(#e4e9f8,#232c49);--b:light-dark(#8a5a10,#dcb35c);--b-wash:light-dark(#f8edd6,#3a2f17);--c:light-dark(#1c6b50,#6cc3a1);--c-wash:light-dark(#e3efe9,#1e3029);--both-wash:light-dark(#efe3f3,#3a2a42)}
*{box-sizing:border-box}
html{scroll-padding-top:1.5rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.6 Inter,system-ui,sans-serif}
h1{font:600 1.75rem/1.25 "Source Serif 4",Georgia,serif;margin:.25rem 0 1rem;max-width:48rem}
h2{font-size:.8125rem;font-weight:600;letter-spacing:.04em;text-transform:uppercase;color:var(--soft);margin:2rem 0 .75rem}
h3{font-size:.9375rem;margin:0 0 .5rem}
.soft,figcaption{color:var(--soft);font-size:.875rem}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:1}
kbd{font:inherit;border:1px solid var(--line);border-radius:.25rem;padding:0 .375rem}
a:focus-visible,summary:focus-visible,aside:focus-visible,main:focus-visible{outline:3px solid var(--a);outline-offset:2px}
@media print{.skip,footer{display:none}}
`;
