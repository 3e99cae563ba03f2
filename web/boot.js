// Before the first paint: theme, density, menu and language as the browser remembers them. Then the console is loaded.
(function () {
  "use strict";
  var root = document.documentElement;
  var script = document.currentScript;
  var look = {};
  try {
    look = JSON.parse(localStorage.getItem("workpoint.look")) || {};
  } catch (error) {
    // Nothing is remembered, or nothing may be.
  }
  var system = matchMedia("(prefers-color-scheme: dark)");
  function theme() {
    // Chosen in the meantime, so it is read again.
    try {
      look = JSON.parse(localStorage.getItem("workpoint.look")) || {};
    } catch (error) {
      // As above.
    }
    var dark = look.theme === "dark" || (look.theme !== "light" && system.matches);
    root.setAttribute("data-theme", dark ? "dark" : "light");
  }
  theme();
  system.addEventListener("change", theme);
  root.setAttribute("data-density", look.density === "compact" ? "compact" : "comfortable");
  root.setAttribute("data-menu", look.narrow_menu ? "narrow" : "wide");
  root.setAttribute("lang", /^de/i.test(look.language || navigator.language || "") ? "de" : "en");

  var app = script.dataset.app;
  var module = script.dataset.module;
  function line(tag, text, language) {
    var element = document.createElement(tag);
    element.textContent = text;
    element.lang = language;
    return element;
  }
  // Too old a browser, no connection, or a server that was updated just now.
  function failed(error) {
    console.error(error);
    var german = root.lang === "de";
    var again = line("button", german ? "Erneut versuchen" : "Try again", german ? "de" : "en");
    again.type = "button";
    again.className = "btn";
    again.addEventListener("click", function () {
      location.reload();
    });
    var said = document.createElement("div");
    said.setAttribute("role", "alert");
    said.append(
      line("p", "Workpoint could not be loaded.", "en"),
      line("p", "Workpoint konnte nicht geladen werden.", "de")
    );
    var place = document.createElement("main");
    place.className = "alone";
    place.append(said, again);
    document.body.append(place);
  }
  function start() {
    import(app)
      .then(function (program) {
        return program.default({ module_or_path: module });
      })
      .catch(failed);
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
