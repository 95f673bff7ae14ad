"""An application with pages on a host of its own, in all seven settings: in, at work, out."""

import contextlib
import time

import pytest
from selenium.webdriver.common.by import By

from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import GONE, SECONDS, Reader
from tests.browser.setting import Setting

SEVEN = pytest.mark.parametrize("setting", Setting, ids=lambda setting: setting.label)


def work_at(reader: Reader, page: str, name: str | None) -> str:
    """Through whatever pages come; the person whom the application works for."""
    reader.driver.get(page)
    until = time.monotonic() + SECONDS
    while reader.driver.current_url != page and time.monotonic() < until:
        with contextlib.suppress(*GONE):
            for way in reader.driver.find_elements(By.CSS_SELECTOR, "[data-way][href*='provider=campus']"):
                way.click()
            reader.answer_page(name, own_device=False, allow=True)
        time.sleep(0.05)
    assert reader.driver.current_url == page
    reader.wait(lambda: reader.driver.find_element(By.ID, "done").text, "its page has saved and has a socket")
    status, person, cookie = reader.driver.find_element(By.ID, "done").text.split(" ")
    assert (status, cookie) == ("200", "seen=1"), "ours is HttpOnly"
    assert person == reader.driver.find_element(By.ID, "who").text
    return person


@SEVEN
def test_one_sign_in_serves_it_and_a_book(house: House, reader: Reader, ada: str) -> None:
    page = f"{house.lab}/lab?chapter=2"
    first = work_at(reader, page, ada)
    assert work_at(reader, page, None) == first, "nobody is asked again"
    reader.open(house.book(TRUSTED))
    reader.sign_in(ada)
    assert reader.name() == ada
    assert reader.clicks_at_provider == 1


def test_signed_out_at_the_gateway_it_is_over(house: House, reader: Reader, ada: str, ben: str) -> None:
    page = f"{house.lab}/lab"
    first = work_at(reader, page, ada)
    reader.driver.get(f"{house.lab}/auth/logout")
    reader.wait(lambda: reader.driver.current_url == f"{house.gateway}/auth/logout", "the gateway's own page")
    reader.driver.find_element(By.CSS_SELECTOR, "button[value='sign-out']").click()
    reader.wait(lambda: "signed out" in reader.driver.page_source, "signed out")
    assert work_at(reader, page, ben) != first


def test_no_other_site_writes_or_reads_it(house: House, reader: Reader, ada: str) -> None:
    work_at(reader, f"{house.lab}/lab", ada)
    reader.open(house.book(TRUSTED))
    for mode in ("cors", "no-cors"):
        script = """
          const [url, mode, done] = arguments;
          fetch(url, {method: "POST", body: "x", credentials: "include", mode})
            .then((answer) => done(answer.type), () => done("refused"));
        """
        seen = reader.driver.execute_async_script(script, f"{house.lab}/save", mode)
        assert seen == "refused"
    reader.driver.get(f"{house.lab}/saved")
    assert reader.driver.find_element(By.TAG_NAME, "body").text == "1", "its own page's, and no other"
