// What makes long forms pleasant: boxes that answer instead of a value, and drafts. Without it the
// forms work the same; only what was typed is not kept when a line drops.
//
// A draft is what stands in a form and nothing else. It stays in this tab (sessionStorage), belongs
// to the person who typed it, and goes when the form is taken, at sign-out, and with the tab.
(() => {
  "use strict";
  // ---- a value, or a box in its place ----

  const answerOf = (box) => box.closest("[data-boxes]")?.closest(".answer, .question, .member");
  const valuesIn = (part) => part.querySelectorAll("input:not([type=checkbox], [type=radio]), textarea");
  const dim = (part) => {
    const boxes = part?.querySelector("[data-boxes]");
    if (boxes) part.classList.toggle("given", boxes.querySelector(":checked") !== null);
  };
  const settle = (target) => {
    if (target.matches("[data-boxes] input")) {
      if (target.checked) {
        for (const one of target.closest("[data-boxes]").querySelectorAll("input")) if (one !== target) one.checked = false;
        for (const one of valuesIn(answerOf(target))) { if (one.value) one.dataset.was = one.value; one.value = ""; }
      } else {
        for (const one of valuesIn(answerOf(target))) if (one.dataset.was && !one.value) one.value = one.dataset.was;
      }
      dim(answerOf(target));
    } else if (target.matches("input[type=checkbox]")) {
      const all = [...target.form.querySelectorAll(`input[name="${CSS.escape(target.name)}"]`)];
      if (target.checked && all.some((one) => one.value === "[]")) {
        for (const one of all) if (one !== target && (target.value === "[]" || one.value === "[]")) one.checked = false;
      }
    } else if (target.value && target.closest(".answer")?.querySelector("[data-boxes]")) {
      for (const one of target.closest(".answer").querySelectorAll("[data-boxes] input")) one.checked = false;
      dim(target.closest(".answer"));
    }
  };
  document.addEventListener("input", (event) => {
    if (event.target.form?.matches("[data-draft], .questions")) settle(event.target);
  }, true);
  for (const part of document.querySelectorAll(".answer")) dim(part);

  // ---- the verdict: as open or closed as it was left ----

  const panel = document.getElementById("verdict-all");
  if (panel) {
    let open = matchMedia("(min-width: 1000px)").matches;
    const keep = () => { const now = document.getElementById("verdict-all"); if (now) now.open = open; };
    keep();
    document.getElementById("verdict").addEventListener("click", (event) => {
      const summary = event.target.closest("summary");
      if (summary?.parentElement.id === "verdict-all") open = !summary.parentElement.open;
    });
    document.addEventListener("htmx:after:swap", keep);
  }

  document.getElementById("faults")?.focus();

  // ---- drafts ----

  const stored = () => Object.keys(sessionStorage).filter((key) => key.startsWith("draft "));
  document.addEventListener("submit", (event) => {
    if (new URL(event.target.action).pathname === "/sign-out") for (const key of stored()) sessionStorage.removeItem(key);
  });

  const sent = sessionStorage.getItem("sent");
  if (sent && new URLSearchParams(location.search).has("told")) {
    sessionStorage.removeItem(sent);
    sessionStorage.removeItem("sent");
  }

  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const prefix = `draft ${form.dataset.person} `;
  for (const one of stored()) if (!one.startsWith(prefix)) sessionStorage.removeItem(one);
  const key = prefix + form.dataset.draft;
  const SKIPPED = new Set(["csrf", "reviewed"]);
  const typed = () => [...new FormData(form)].filter(([name]) => !SKIPPED.has(name));
  const asServed = JSON.stringify(typed().filter(([name]) => name !== "once"));
  const save = () => {
    try { sessionStorage.setItem(key, JSON.stringify(typed())); } catch { /* no room: the form itself is still here */ }
  };

  const put = (pairs) => {
    const by = new Map();
    for (const [name, value] of pairs) by.set(name, [...(by.get(name) ?? []), value]);
    for (const one of form.elements) {
      if (!one.name || SKIPPED.has(one.name)) continue;
      const values = by.get(one.name) ?? [];
      if (one.type === "checkbox" || one.type === "radio") one.checked = values.includes(one.value);
      else if (values.length) one.value = values[0];
    }
    return [...by].filter(([name]) => !SKIPPED.has(name) && !form.elements[name]);
  };

  const kept = sessionStorage.getItem(key);
  if (form.hasAttribute("data-draft-kept")) {
    save();
  } else if (kept) {
    const pairs = JSON.parse(kept);
    if (JSON.stringify(pairs.filter(([name]) => name !== "once")) !== asServed) {
      const more = put(pairs);
      for (const part of form.querySelectorAll(".answer")) dim(part);
      const room = form.querySelector("[formaction$='check']");
      if (more.length && room) {
        // Rows of a list that this page has no room for: the server draws them.
        for (const [name, values] of more) for (const value of values) {
          form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
        }
        form.requestSubmit(room);
        return;
      }
      form.querySelector("[data-draft-told]").hidden = false;
      // htmx begins to listen after this script, and says when.
      document.getElementById("verdict")?.addEventListener("htmx:after:init", () => {
        form.dispatchEvent(new Event("input", { bubbles: true }));
      }, { once: true });
    }
  }
  form.querySelector("[data-draft-drop]")?.addEventListener("click", () => {
    sessionStorage.removeItem(key);
    location.assign(location.pathname + location.search);
  });

  let pending;
  form.addEventListener("input", () => { clearTimeout(pending); pending = setTimeout(save, 250); });
  form.addEventListener("submit", (event) => {
    clearTimeout(pending);
    save();
    sessionStorage.setItem("sent", key);
    if (!navigator.onLine) {
      event.preventDefault();
      document.getElementById("announce").textContent = "";
      const line = document.getElementById("line");
      line.textContent = "There is no connection. Nothing is lost: what you typed stays here. Try again in a moment.";
      line.hidden = false;
    }
  });
})();
