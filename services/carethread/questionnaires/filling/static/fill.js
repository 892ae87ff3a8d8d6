// Questions that depend on answers change as somebody answers. The server decides what is asked: the form is sent as it
// is, and of the page that comes back only what is different is taken over, so that whoever writes keeps their place.
// Without this script a button does the same.
"use strict";
(() => {
  const form = () => document.getElementById("form");
  const live = (text) => { document.getElementById("live").textContent = text; };
  let waiting = 0, running = null, again = false, leaving = false;

  const errors = document.getElementById("errors");
  if (errors) errors.focus();

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#errors a");
    const target = link && document.getElementById(link.hash.slice(1));
    if (!target) return;
    event.preventDefault();
    target.focus();
    (target.closest(".question, .group") || target).scrollIntoView({ block: "start" });
  });

  const questions = () => document.querySelectorAll("#questions .question:not(.output)").length;

  async function look(what = "update") {
    if (running) { again = true; return; }
    running = exchange(what).finally(() => {
      running = null;
      if (again && !leaving) { again = false; look(); }
    });
    await running;
  }

  async function exchange(what) {
    const body = new URLSearchParams(new FormData(form()));
    body.set("do", what);
    let answer;
    try {
      answer = await fetch(form().action, { method: "POST", body, credentials: "omit", redirect: "follow" });
    } catch {
      live(form().dataset.lost);
      return;
    }
    const html = (answer.headers.get("Content-Type") || "").startsWith("text/html");
    if (!html) { live(form().dataset.lost); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status >= 500) {
      const [here, there] = [document.getElementById("help"), page.getElementById("help")];
      if (there) merge(here, there);
      live(form().dataset.lost);
      return;
    }
    if (answer.status === 409 || !page.getElementById("form")) { instead(page); return; }
    const before = questions();
    const had = new Set([...document.querySelectorAll("#questions [id]")].map((each) => each.id));
    // Where things go by other numbers from now on, what stands in the controls is no more of use than what is around it.
    if ("moved" in page.getElementById("form").dataset) document.getElementById("questions").replaceChildren();
    for (const id of ["help", "progress", "form"]) {
      const [here, there] = [document.getElementById(id), page.getElementById(id)];
      if (here && there) merge(here, there);
    }
    const after = questions();
    live(after > before ? form().dataset.more : after < before ? form().dataset.fewer : "");
    const controls = document.querySelectorAll("#questions :is(input, textarea, select):not([type=hidden])");
    if (what !== "update") [...controls].find((each) => !had.has(each.id))?.focus();
    wait();
  }

  // What was answered is not kept any more: the page that says so comes in place of this one, for it alone knows what
  // help was called for.
  function instead(page) {
    again = false;
    clearTimeout(later);
    document.title = page.title;
    document.documentElement.lang = page.documentElement.lang;
    document.body.replaceWith(document.importNode(page.body, true));
    scrollTo(0, 0);
    document.getElementById("main").focus();
    if (form()) wait();
    else leaving = true;
  }

  // Who is told of what cannot wait is known a moment later.
  let asked = 0, later = 0;
  function wait() {
    clearTimeout(later);
    if (!("waiting" in form().dataset)) asked = 0;
    else later = setTimeout(() => { if (!leaving) look(); }, Math.min(1500 * ++asked, 15000));
  }
  if (form()) wait();

  // Make `here` as `there` is, keeping each element that both have, and what stands in its controls.
  function merge(here, there) {
    for (const { name } of [...here.attributes]) {
      if (!there.hasAttribute(name) && !(name === "checked")) here.removeAttribute(name);
    }
    for (const { name, value } of there.attributes) {
      if (name === "value" && here.matches("input:not([type=hidden])") && here.type === "text") continue;
      if (here.getAttribute(name) !== value) here.setAttribute(name, value);
    }
    if (here.matches("textarea, select, #live")) return;
    const known = new Map();
    for (const node of here.children) if (key(node)) known.set(key(node), node);
    const wanted = [...there.childNodes];
    let next = here.firstChild;
    for (const node of wanted) {
      const mine = node.nodeType === 1 && key(node) ? known.get(key(node)) : alike(next, node) ? next : null;
      if (!mine) { here.insertBefore(document.importNode(node, true), next); continue; }
      if (mine === next) next = next.nextSibling;
      else if (mine.contains(document.activeElement)) { while (next && next !== mine) { const gone = next; next = next.nextSibling; gone.remove(); } next = mine.nextSibling; }
      else here.insertBefore(mine, next);
      if (mine.nodeType === 1) merge(mine, node);
      else if (mine.data !== node.data) mine.data = node.data;
    }
    while (next) { const gone = next; next = next.nextSibling; gone.remove(); }
  }

  const key = (node) => node.id || (node.name && node.type === "hidden" ? "=" + node.name : "");
  const alike = (one, two) => one && one.nodeType === two.nodeType && one.nodeName === two.nodeName
    && !(one.nodeType === 1 && (key(one) || key(two)));

  document.addEventListener("change", (event) => {
    if (!event.target.form || !("live" in event.target.form.dataset)) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => look(), 120);
  });

  // What is written in the field beside "something else" chooses that.
  document.addEventListener("input", (event) => {
    const other = event.target.closest(".other");
    if (!other || !event.target.value) return;
    const choice = other.parentElement.querySelector("input[value='other:'], option[value='other:']");
    if (choice && choice.nodeName === "OPTION") choice.selected = true;
    else if (choice) choice.checked = true;
  });

  document.addEventListener("submit", (event) => {
    clearTimeout(waiting);
    if (leaving) { event.preventDefault(); return; }
    const button = event.submitter;
    if (button && button.value.startsWith("add:")) {  // room for one more is made where somebody is
      event.preventDefault();
      const page = document.body;
      (running || Promise.resolve()).then(() => { if (page.isConnected) look(button.value); });
      return;
    }
    if (running) {
      event.preventDefault();
      again = false;
      const page = document.body;
      running.then(() => {
        if (page.isConnected) form().requestSubmit(button && button.isConnected ? button : undefined);
      });
      return;
    }
    leaving = true;
  });
  window.addEventListener("pageshow", () => { leaving = false; });
})();
