/* Which page the address asks for, and what stays when one comes back to it. */
(() => {
  const { units, pages, unitPage } = facedissect;
  const { h } = facedissect.parts;
  const summary = document.getElementById("summary");
  const view = document.getElementById("view");
  const problem = document.getElementById("problem");
  const title = document.title;
  let current = null;
  let ready = null;
  let turn = 0;

  facedissect.failed = (error) => {
    problem.hidden = false;
    problem.textContent = "A part of this report could not be read: " + error.message + ".";
  };

  function parsed() {
    const hash = location.hash;
    if (!hash.startsWith("#/")) return { name: "summary", anchor: hash.slice(1) };
    const [path, query = ""] = hash.slice(2).split(/\?(.*)/s);
    const [name = "", ...rest] = path.split("/").map(decode);
    return { name: name || "summary", rest, query: new URLSearchParams(query), anchor: "" };
  }

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  function made(route) {
    const makers = {
      units: () => pages.unitsPage(route.query, (hash) => history.replaceState(history.state, "", hash)),
      unit: () => unitPage.page(route.rest[0], Number(route.rest[1]), route.query),
      concept: () => pages.conceptPage(route.rest[0]),
      global: () => pages.globalPage(route.rest[0]),
    };
    return (makers[route.name] && makers[route.name]()) || missing();
  }

  const missing = () => ({
    title: "Not found",
    content: h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "There is no such page"), h("p", {}, h("a", { href: "#/units" }, "All units"))),
  });

  async function route(first) {
    const asked = parsed();
    const own = ++turn;
    if (current && current.stop) current.stop();
    current = null;
    for (const link of document.querySelectorAll("#bar a[data-page]")) {
      const here = link.dataset.page === asked.name || (link.dataset.page === "units" && asked.name === "unit");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const onSummary = asked.name === "summary";
    summary.hidden = !onSummary;
    view.hidden = onSummary;
    const back = history.state ? history.state.scroll : undefined;
    if (onSummary) {
      view.replaceChildren();
      document.title = title;
      const target = asked.anchor && document.getElementById(decode(asked.anchor));
      if (target && back === undefined) target.scrollIntoView();
      else window.scrollTo(0, back || 0);
      if (!first && !target) focus(summary);
    } else {
      view.setAttribute("aria-busy", "true");
      if (!ready) ready = units.load().then((index) => { units.highest = highest(); return index; });
      try {
        await ready;
      } catch (error) {
        facedissect.failed(error);
        return;
      }
      if (own !== turn) return;
      current = made(asked);
      view.replaceChildren(current.content);
      document.title = current.title + " · " + title;
      if (current.shown) current.shown();
      view.removeAttribute("aria-busy");
      window.scrollTo(0, back || 0);
      if (!first) focus(view);
    }
    document.documentElement.dataset.page = asked.name;
  }

  const focus = (within) => {
    const heading = within.querySelector("h1");
    if (heading) heading.focus({ preventScroll: true });
  };

  const highest = () => units.all.reduce((most, unit) => (unit.iou > most ? unit.iou : most), units.index.settings.min_iou) || 1;

  let timer = 0;
  window.addEventListener("scroll", () => {
    clearTimeout(timer);
    const place = location.hash;
    timer = setTimeout(() => {
      if (location.hash === place) history.replaceState({ scroll: window.scrollY }, "");
    }, 120);
  }, { passive: true });
  window.addEventListener("hashchange", () => route(false));
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest && event.target.closest("input, select, textarea, [role=region]");
    if (!writes && !event.altKey && !event.ctrlKey && !event.metaKey && current && current.keys) current.keys(event);
  });
  history.scrollRestoration = "manual";
  document.documentElement.classList.add("scripted");
  route(true);
})();
