/** The look of the page: follows the reader's light or dark choice, and a printer's. */
export const STYLE = `
:root{color-scheme:light dark;--ink:light-dark(#1b1f24,#e8eaed);--soft:light-dark(#59636e,#9aa4af);--line:light-dark(#d8dde3,#333a43);--back:light-dark(#fff,#14171b);--panel:light-dark(#f5f7f9,#1c2026);--ok:light-dark(#0f6b3a,#63d297);--okback:light-dark(#dff3e7,#12331f);--bad:light-dark(#a4161a,#ff9a94);--badback:light-dark(#fde2e1,#431517);--warn:light-dark(#7a4a00,#f2c26b);--warnback:light-dark(#fdf0d5,#3a2a08);--dim:light-dark(#59636e,#9aa4af);--dimback:light-dark(#eceff2,#262c33)}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}
main{max-width:1280px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:18px;margin:36px 0 8px;text-transform:capitalize}
p{margin:4px 0}
.soft{color:var(--soft)}
code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:12px;margin:24px 0}
.verdict{border:1px solid var(--line);border-left:6px solid var(--dim);border-radius:8px;padding:12px 16px;background:var(--panel)}
.verdict strong{display:block;font-size:17px}
.verdict.ok{border-left-color:var(--ok)}.verdict.bad{border-left-color:var(--bad)}.verdict.warn{border-left-color:var(--warn)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:8px 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
form{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:10px 18px;align-items:center;margin:24px -24px 0;padding:10px 24px;background:var(--back);border-bottom:1px solid var(--line)}
select,input[type=search]{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:4px 8px}
label{display:inline-flex;gap:6px;align-items:center}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:8px 10px;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);white-space:nowrap}
td.check{min-width:320px}
td.result{width:150px;white-space:nowrap}
.chip{display:inline-block;border-radius:999px;padding:1px 10px;font-size:13px;font-weight:600;color:var(--dim);background:var(--dimback)}
.chip.passed{color:var(--ok);background:var(--okback)}
.chip.failed{color:var(--bad);background:var(--badback)}
.chip.skipped{color:var(--warn);background:var(--warnback)}
.why{font-size:13px;color:var(--soft);margin-top:4px;overflow-wrap:anywhere}
.why b{color:var(--ink)}
[hidden]{display:none!important}
footer{margin-top:40px;padding-top:16px;border-top:1px solid var(--line)}
@media print{form{display:none}}
`;

/** Filters: what is chosen decides which rows, columns and groups are shown. Without it all are. */
export const SCRIPT = `
const form=document.querySelector("form");
const filter=()=>{
const group=form.group.value,engine=form.engine.value,words=form.words.value.toLowerCase();
const statuses=new Set([...form.querySelectorAll("input[name=status]:checked")].map(box=>box.value));
for(const cell of document.querySelectorAll("[data-column]"))cell.hidden=engine!==""&&cell.dataset.column!==engine;
let shown=0;
for(const section of document.querySelectorAll("section[data-group]")){
let any=false;
for(const row of section.querySelectorAll("tr[data-row]")){
const cells=[...row.querySelectorAll("td[data-status]")].filter(cell=>!cell.hidden);
const visible=cells.some(cell=>statuses.has(cell.dataset.status))&&row.textContent.toLowerCase().includes(words);
row.hidden=!visible;if(visible){any=true;shown++}
}
section.hidden=!any||(group!==""&&section.dataset.group!==group);
if(section.hidden&&any)shown-=section.querySelectorAll("tr[data-row]:not([hidden])").length;
}
document.querySelector("#shown").textContent=shown+" checks shown";
};
form.addEventListener("input",filter);
form.addEventListener("submit",event=>event.preventDefault());
form.hidden=false;
filter();
`;
