/** The style sheet, and light or dark: as a person chose with the button, else as TensorBoard is, else as the system is. */

const STYLE_SHEET = "static/style.css";
const STORED = "topology-theme";

/** Load the style sheet, which a report has inside already. Plots measure themselves, so they wait for it. */
export async function loadStyles() {
  if (document.querySelector("style")) return;
  const sheet = document.createElement("style");
  sheet.textContent = await (await fetch(STYLE_SHEET)).text();
  document.head.append(sheet);
}

/** @param {ReturnType<import("./store.js").createStore>} store */
export function followTheme(store) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const host = hostBody();
  const apply = () => {
    const dark = chosenTheme() ?? (host ? host.classList.contains("dark-mode") : system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    store.set({ dark });
  };
  if (host) new MutationObserver(apply).observe(host, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", apply);
  apply();
  return {
    toggle() {
      remember(store.state.dark ? "light" : "dark");
      apply();
    },
  };
}

/** TensorBoard's body, around this page's frame. It is no official interface, so anything may be missing. */
function hostBody() {
  try {
    return window.parent === window ? null : window.parent.document.body;
  } catch {
    return null;
  }
}

function chosenTheme() {
  try {
    const choice = sessionStorage.getItem(STORED);
    return choice === null ? null : choice === "dark";
  } catch {
    return null;
  }
}

function remember(choice) {
  try {
    sessionStorage.setItem(STORED, choice);
  } catch {
    // A page from a file may not store anything; the choice then holds until the next change of the system's theme.
  }
}
