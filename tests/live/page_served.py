"""Watches the agent's page while a served cluster scales: what the page shows must be what happens, without being asked."""

import re
import sys
from playwright.sync_api import expect, sync_playwright

url, chromium, pictures, pools = sys.argv[1:5]

expect.set_options(timeout=60000)

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    expect(page.locator("#live")).to_have_text("live")
    group = page.locator('[data-name="group shop/front"]')
    for size in (3, 4, 5):
        expect(group).to_contain_text(re.compile(rf"size ([{size}-9]|1\d),"))
    expect(page.locator("#history")).to_contain_text("group shop/front: scaling out succeeded")
    expect(group.locator("svg.chart").first).to_be_visible()
    pool = page.locator('[data-name="pool workers"]')
    if pools == "scale":
        expect(pool).to_contain_text(re.compile(r"size [3-6],"))
        expect(pool.locator("svg.chart").first).to_be_visible()
        expect(page.locator("#history")).to_contain_text("pool workers: scaling out succeeded")
    else:
        expect(pool).to_contain_text("aws")
    page.screenshot(path=f"{pictures}/page-served.png", full_page=True)
    assert not said, said
    browser.close()
