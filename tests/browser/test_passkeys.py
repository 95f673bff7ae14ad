"""A reader makes a passkey on their own device, and is back by one touch the next time."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from tests.browser.house import House
from tests.browser.names import KEYED
from tests.browser.reader import Reader
from tests.browser.test_accessibility import AXE, LOOK, RULES, TOO_WIDE

SESSION = "__Host-Http-bookgate"
MAKE = "#make"
PROVE = "button[value=prove]"


@pytest.fixture
def device(reader: Reader) -> Iterator[Reader]:
    """A reader at a device whose lock they open by a touch."""
    options = VirtualAuthenticatorOptions(
        protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
        transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
        has_resident_key=True,
        has_user_verification=True,
        is_user_verified=True,
    )
    reader.driver.add_virtual_authenticator(options)
    yield reader
    reader.driver.remove_virtual_authenticator()


def page(reader: Reader, path: str) -> bool:
    return path in reader.driver.current_url


def click(reader: Reader, selector: str) -> None:
    reader.wait(lambda: reader.driver.find_element(By.CSS_SELECTOR, selector).is_enabled(), selector)
    reader.driver.find_element(By.CSS_SELECTOR, selector).click()
    reader.clicks += 1


def begin(reader: Reader, house: House) -> None:
    reader.open(house.book(KEYED))
    reader.book("(book.signIn({redirect: true}), 1)")


def sign_in_for_the_first_time(reader: Reader, house: House, name: str) -> None:
    """By the provider, on their own device, to the page that offers a passkey.

    This provider says of nobody when they proved who they are unless it is asked.
    """
    begin(reader, house)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, "a[data-way=provider]"), "ways")
    reader.driver.find_element(By.CSS_SELECTOR, "#own").click()
    reader.driver.find_element(By.CSS_SELECTOR, "a[data-way=provider]").click()
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, "input[name=name]"), "the provider")
    reader.answer_page(name, own_device=True, allow=True)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, PROVE), "the offer")


def prove(reader: Reader, name: str) -> None:
    """To the provider once more, which asks now, to the page that makes one."""
    click(reader, PROVE)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, "input[name=name]"), "the provider")
    reader.answer_page(name, own_device=True, allow=True)
    reader.wait(lambda: reader.driver.find_elements(By.CSS_SELECTOR, MAKE), "the page that makes one")


def back_in_the_book(reader: Reader, house: House, name: str) -> None:
    reader.wait(lambda: reader.driver.current_url.startswith(house.book(KEYED)), "back in the book")
    reader.until_connected()
    reader.wait(lambda: reader.name() == name, "signed in")


def forget_the_session(reader: Reader, house: House) -> None:
    """As after months: the sessions are gone, what is kept on the device is not."""
    reader.cdp("Network.enable")
    for cookie in reader.cdp("Network.getAllCookies")["cookies"]:
        if cookie["name"] == SESSION or cookie["name"].startswith("__Host-Http-book."):
            more = {"partitionKey": cookie["partitionKey"]} if "partitionKey" in cookie else {}
            where = {"domain": cookie["domain"], "path": cookie["path"]}
            reader.cdp("Network.deleteCookies", name=cookie["name"], **where, **more)
    reader.driver.delete_all_cookies()
    reader.open(house.book(KEYED))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_for_everybody(house: House, device: Reader, language: str, scheme: str) -> None:
    device.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    device.cdp("Emulation.setLocaleOverride", locale=language)
    device.cdp("Emulation.setDeviceMetricsOverride", width=320, height=800, deviceScaleFactor=1, mobile=True)
    device.driver.set_user_verified(False)
    device.driver.get(f"{house.gateway}/auth/passkey?lang={language}")
    device.wait(lambda: device.driver.find_element(By.ID, "trouble").text, "what went wrong")
    assert broken(device) == []
    sign_in_for_the_first_time(device, house, f"Ute {language} {scheme}")
    assert broken(device) == []
    prove(device, f"Ute {language} {scheme}")
    device.driver.get(f"{house.gateway}/auth/passkey/new")
    device.wait(lambda: device.driver.find_element(By.CSS_SELECTOR, MAKE).is_enabled(), MAKE)
    click(device, MAKE)
    device.wait(lambda: device.driver.find_element(By.ID, "trouble").text, "what went wrong")
    assert device.driver.execute_script("return document.documentElement.lang") == language
    assert broken(device) == []


def broken(reader: Reader) -> list[str]:
    """The rules of WCAG 2.2 AA that the page breaks, and whether it scrolls sideways."""
    reader.driver.execute_script(AXE.read_text("utf-8"))
    found = [each["id"] for each in reader.driver.execute_async_script(LOOK, RULES)]
    return found + ["too wide"] * bool(reader.driver.execute_script(TOO_WIDE))


def test_made_once_and_back_by_one_touch(house: House, device: Reader) -> None:
    sign_in_for_the_first_time(device, house, "Pia")
    prove(device, "Pia")
    click(device, MAKE)
    back_in_the_book(device, house, "Pia")
    (key,) = device.driver.get_credentials()
    assert (key.rp_id, key.is_resident_credential) == ("gw.test", True)

    forget_the_session(device, house)
    assert device.name() is None
    device.clicks = 0
    begin(device, house)  # the click in the book; the touch is all that is asked for then
    back_in_the_book(device, house, "Pia")
    assert device.clicks == 0


def test_where_no_device_is_remembered_it_is_one_click(house: House, device: Reader) -> None:
    """A key that came along from another device, or cookies that were cleared: the page of all ways in."""
    sign_in_for_the_first_time(device, house, "Sam")
    prove(device, "Sam")
    click(device, MAKE)
    back_in_the_book(device, house, "Sam")
    device.cdp("Network.clearBrowserCookies")
    device.open(house.book(KEYED))
    begin(device, house)
    device.wait(lambda: device.driver.find_elements(By.CSS_SELECTOR, "a[data-way=passkey]"), "ways")
    device.clicks = 0
    click(device, "a[data-way=passkey]")
    back_in_the_book(device, house, "Sam")
    assert device.clicks == 1


def test_who_does_not_want_one_is_in_the_book_and_not_asked_again(house: House, device: Reader) -> None:
    sign_in_for_the_first_time(device, house, "Quinn")
    click(device, "button[value=later]")
    back_in_the_book(device, house, "Quinn")
    assert device.driver.get_credentials() == []


def test_a_device_that_is_not_unlocked_says_so_and_the_other_ways_stay(house: House, device: Reader) -> None:
    sign_in_for_the_first_time(device, house, "Ruth")
    prove(device, "Ruth")
    click(device, MAKE)
    back_in_the_book(device, house, "Ruth")
    forget_the_session(device, house)
    device.driver.set_user_verified(False)
    begin(device, house)
    device.wait(lambda: device.driver.find_element(By.ID, "trouble").text, "what went wrong")
    assert "No passkey was used" in device.driver.find_element(By.ID, "trouble").text
    device.driver.find_element(By.LINK_TEXT, "Sign in another way").click()
    device.wait(lambda: device.driver.find_elements(By.CSS_SELECTOR, "a[data-way=provider]"), "ways")
    device.driver.set_user_verified(True)
    click(device, "a[data-way=passkey]")
    back_in_the_book(device, house, "Ruth")
