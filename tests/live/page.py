"""Uses the agent's page as a person would, in headless Chromium. Speaks with the test that runs it by lines: says what it waits
for, and reads when that is done."""

import sys
from playwright.sync_api import expect, sync_playwright

url, chromium, pictures = sys.argv[1:4]
JOB = "<img src=x onerror=window.hacked=1>"


def done(what):
    print(what, flush=True)
    sys.stdin.readline()


def no_overflow(page):
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than the screen"


expect.set_options(timeout=20000)

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(url)
    assert page.url == url + "/ui", page.url
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#agent")).to_contain_text("leads")

    # Data from others is text, and nothing else.
    odd = page.locator(f'[data-name="group {JOB}/front"]')
    expect(odd.get_by_role("heading")).to_have_text(f"group {JOB}/front")
    assert page.locator("#groups img").count() == 0 and page.evaluate("window.hacked") is None

    # It follows what happens without being asked.
    web = page.locator('[data-name="group web/front"]')
    expect(web).to_contain_text("size 2,")
    done("load web")
    expect(web).to_contain_text("size 4,", timeout=30000)
    expect(page.locator("#history")).to_contain_text("group web/front: begins to scale out 2 -> 3")
    expect(web.locator("svg.chart").first).to_be_visible(timeout=20000)
    web.get_by_text("Why, and what would change it").click()
    expect(web.locator("details ul")).to_contain_text("CPU of task server 95 % > 80 % (J8)")
    page.wait_for_timeout(6000)
    assert web.locator("details").get_attribute("open") is not None, "what is open stays open while it is live"
    page.get_by_label("About").select_option("group web/front")
    assert all("web/front" in row for row in page.locator("#history li").all_inner_texts())

    # By keyboard: into the dialog, out of it, and the focus is where it was.
    button = web.get_by_role("button", name="Failsafe … group web/front")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Why (others will read it)").fill("new <b>disks</b>")
    page.get_by_label("Who you are").fill("ann")
    page.get_by_role("button", name="Do it").click()
    expect(web).to_contain_text("in failsafe by ann: new <b>disks</b>")
    expect(page.locator("#attention")).to_contain_text("group web/front is in failsafe, by an operator")
    page.screenshot(path=f"{pictures}/page-light.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=f"{pictures}/page-dark.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    no_overflow(page)
    page.screenshot(path=f"{pictures}/page-phone.png", full_page=True)
    page.set_viewport_size({"width": 320, "height": 600})
    no_overflow(page)
    page.set_viewport_size({"width": 1280, "height": 900})

    done("failsafe")
    web.get_by_role("button", name="Lift failsafe … group web/front").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#attention")).to_be_hidden(timeout=15000)

    page.get_by_role("button", name="Hold everything").click()
    page.get_by_label("For how long").select_option("2h")
    page.get_by_role("button", name="Do it").click()
    expect(web).to_contain_text("on hold: scaling in until")

    # Everything that can be pressed has a name, and every field a label.
    for pressed in page.locator("button:visible").all():
        assert pressed.get_attribute("aria-label") or pressed.inner_text().strip()
    assert not said, said
    assert asked and all(it.startswith(url + "/") for it in asked), [it for it in asked if not it.startswith(url + "/")]

    # It does not pretend to be live when nobody answers, and is again when somebody does.
    done("kill")
    expect(page.locator("#live")).not_to_have_text("live")
    expect(page.locator("#live")).to_contain_text("cut off: this is from", timeout=40000)
    page.screenshot(path=f"{pictures}/page-cut.png")
    done("start")
    expect(page.locator("#live")).to_have_text("live", timeout=40000)
    expect(web).to_contain_text("on hold: scaling in until", timeout=30000)
    expect(page.locator("#history")).to_contain_text("group web/front: begins to scale out 2 -> 3")
    browser.close()
done("over")
