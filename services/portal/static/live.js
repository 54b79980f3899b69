// What keeps a page alive: the token of its session, the line to the server, rows that change in
// place, and the time that is left. Everything works without it, by loading the page again.
(() => {
  "use strict";
  const meta = document.querySelector("meta[name=csrf]");
  if (!meta) return;

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRF-Token"] = meta.content;
  });

  // ---- the line ----

  const line = document.getElementById("line");
  let lost;
  const isLost = () => { lost ??= setTimeout(() => { line.hidden = false; }, 3000); };
  const isBack = () => { clearTimeout(lost); lost = undefined; line.hidden = true; };
  for (const name of ["htmx:sse:error", "htmx:sse:close"]) document.addEventListener(name, isLost);
  document.addEventListener("connected", isBack);
  document.addEventListener("signed-out", () => location.reload());

  // ---- rows ----

  const STILL = 2000; // ms without a movement: nobody aims at anything
  let moved = 0;
  for (const name of ["pointermove", "pointerdown", "keydown"]) {
    document.addEventListener(name, () => { moved = performance.now(); }, { passive: true });
  }
  const rows = (root) => new Map([...root.querySelectorAll("[id^=row-]")].map((r) => [r.id, r.textContent]));
  const aimedAt = (part) =>
    performance.now() - moved < STILL && part.matches(":hover, :focus-within");

  document.addEventListener("htmx:before:swap", (event) => {
    const ctx = event.detail.ctx;
    const part = ctx?.sourceElement;
    if (!part?.matches?.("[data-live]") || !ctx.text) return;
    const next = new DOMParser().parseFromString(ctx.text, "text/html").getElementById(part.id);
    if (!next) { event.preventDefault(); return; }
    const before = [...rows(part).keys()];
    const after = [...rows(next).keys()];
    const moves = before.some((id, index) => after[index] !== id);
    if (moves && aimedAt(part)) {
      event.preventDefault();
      setTimeout(() => htmx.ajax("GET", part.getAttribute("hx-get"), { source: part }), STILL);
      return;
    }
    part.before = rows(part);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail.ctx?.sourceElement;
    const part = source?.id && document.getElementById(source.id);
    const before = source?.before;
    if (!part || !before) return;
    source.before = undefined;
    const fresh = [...part.querySelectorAll("[id^=row-]")].filter((row) => before.get(row.id) !== row.textContent);
    for (const row of fresh) row.classList.add("fresh");
    setTimeout(() => fresh.forEach((row) => row.classList.remove("fresh")), 2500);
    if (fresh.length) {
      document.getElementById("announce").textContent =
        fresh.length === 1 ? `Changed: ${fresh[0].textContent.replace(/\s+/g, " ").trim().slice(0, 120)}`
          : `${fresh.length} rows changed.`;
    }
    tick();
  });

  // ---- time that is left, by the platform's clock ----

  const ahead = Date.parse(document.documentElement.dataset.now) - Date.now();
  const span = (ms) => {
    const all = Math.floor(Math.abs(ms) / 60000);
    const days = Math.floor(all / 1440), hours = Math.floor(all / 60) % 24, minutes = all % 60;
    const parts = [];
    if (days) parts.push(`${days} d`);
    if (hours) parts.push(`${hours} h`);
    if (minutes && !days) parts.push(`${minutes} min`);
    return parts.join(" ") || "less than a minute";
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time.left")) {
      const rest = Date.parse(time.dateTime) - Date.now() - ahead;
      const text = rest >= 0 ? `in ${span(rest)}` : `${span(rest)} ago`;
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(tick, 30000);
})();
