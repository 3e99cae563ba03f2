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
  function start() {
    import(app).then(function (console) {
      return console.default({ module_or_path: module });
    });
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
