"""The page in headless Chromium: served, opened, and its slider timed: ``python -m benchmarks.browser``."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.timing import report

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

# From an arrow key on the slider to the frame after the polygons have changed.
TIME_A_KEY = """
async () => {
  const cells = Bokeh.documents.map(d => d.get_model_by_name("cells")).find(m => m);
  const began = performance.now();
  const changed = new Promise(done => {
    const slot = () => { cells.properties.data.change.disconnect(slot); done(); };
    cells.properties.data.change.connect(slot);
  });
  window.pressKey();
  await changed;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
}
"""
# From the last of the arrow keys, as fast as a hand that drags, to the last frame that changes.
TIME_A_DRAG = """
async ([key, count]) => {
  const cells = Bokeh.documents.map(d => d.get_model_by_name("cells")).find(m => m);
  let shown = 0, last = performance.now();
  const slot = () => requestAnimationFrame(() => { shown += 1; last = performance.now(); });
  cells.properties.data.change.connect(slot);
  for (let k = 0; k < count; k++) {
    window.pressKey(key);
    await new Promise(done => setTimeout(done, 16));
  }
  const ended = performance.now();
  await new Promise(done => setTimeout(done, 1500));
  cells.properties.data.change.disconnect(slot);
  return [Math.max(last - ended, 0), shown];
}
"""
PRESS_ON_HANDLES = """
() => {
  const found = [];
  const walk = root => {
    for (const element of root.querySelectorAll("*")) {
      if (element.classList.contains("noUi-handle")) found.push(element);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  window.pressKey = (key = "ArrowRight") => found[found.length - 1].dispatchEvent(
    new KeyboardEvent("keydown", {key, bubbles: true}));
  return found.length;
}
"""


def chromium() -> str | None:
    """Return the path of Chromium, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Serve the page in a process of its own; yield its address."""
    command = [sys.executable, "-m", "polyenum", "explore", "--no-browser", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            found = re.search(r"http://localhost:\d+", line)
            if found:
                yield found[0]
                return
        raise RuntimeError(f"the page is not served: {said}")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def opened(address: str) -> Iterator[Any]:
    """Open a page in headless Chromium; yield playwright's page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 820})
        page.goto(address)
        page.get_by_text("regions ·").wait_for(timeout=60_000)
        yield page
        browser.close()


def slider_times(page: Any, count: int) -> list[float]:
    """Return milliseconds from a key on the last slider to the frame that shows what it did."""
    page.evaluate(PRESS_ON_HANDLES)
    return [float(page.evaluate(TIME_A_KEY)) for _ in range(count)]


def main() -> None:
    """Print the slider's latency on 2,15,15,1."""
    with served() as address, opened(address) as page:
        page.get_by_text("add a hidden layer").click()
        page.wait_for_timeout(2000)
        slider_times(page, 5)
        times = slider_times(page, 40)
        report(
            "2,15,15,1: slider to new polygons on the screen",
            f"median {statistics.median(times):.0f} ms, largest {max(times):.0f} ms",
            "< 100 ms",
            met=statistics.median(times) < 100,
        )
        drags = [page.evaluate(TIME_A_DRAG, [key, 40]) for key in ["ArrowLeft", "ArrowRight"] * 3]
        lag = statistics.median(late for late, _ in drags)
        report(
            "the same, dragged by 40 steps in 0.65 s: behind the hand at its end",
            f"median {lag:.0f} ms, {statistics.median(n for _, n in drags):.0f} pictures",
            "< 100 ms",
            met=lag < 100,
        )


if __name__ == "__main__":
    main()
