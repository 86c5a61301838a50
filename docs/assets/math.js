// Typesets what pymdownx.arithmatex marked, with the KaTeX that lies beside this file. Pages
// without mathematics load nothing of it.
(() => {
  const folder = new URL("katex/", document.currentScript.src);

  const typeset = () => {
    for (const element of document.querySelectorAll(".arithmatex")) {
      const source = element.textContent.trim();
      katex.render(source.slice(2, -2), element, {
        displayMode: source.startsWith("\\["),
        throwOnError: false, // one bad formula must not hide those after it
        strict: "error",
      });
    }
    document.documentElement.dataset.typeset = "yes";
  };

  if (document.querySelector(".arithmatex")) {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("katex.min.css", folder);
    const script = document.createElement("script");
    script.src = new URL("katex.min.js", folder);
    script.onload = typeset;
    document.head.append(style, script);
  }
})();
