"""The demonstration book as a reader uses it: programs run, answers are checked, all of it comes back."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import Reader

HEXAGON = "repeat 6 [ forward 60 right 60 ]"


def write_program(reader: Reader, text: str) -> None:
    editor = reader.driver.find_element(By.ID, "program-square")
    editor.send_keys(Keys.CONTROL, "a")
    editor.send_keys(text)


def program(reader: Reader) -> str:
    return str(reader.driver.find_element(By.ID, "program-square").get_property("value"))


def lines(reader: Reader) -> int:
    return len(reader.driver.find_elements(By.CSS_SELECTOR, "turtle-program[name=square] svg line"))


def until_saved(reader: Reader) -> None:
    """What was changed is on its way a moment later; then all of it has arrived."""
    reader.book("new Promise((done) => setTimeout(done, 1000))")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")


def test_a_reader_finds_everything_again_on_another_device(house: House, new_reader: NewReader) -> None:
    laptop = new_reader("laptop")
    laptop.open(house.book(TRUSTED, "shapes.html"))
    assert lines(laptop) == 4
    laptop.sign_in("Xena")
    write_program(laptop, HEXAGON)
    laptop.driver.find_element(By.CSS_SELECTOR, "turtle-program[name=square] .run").click()
    assert lines(laptop) == 6
    until_saved(laptop)
    laptop.open(house.book(TRUSTED, "turns.html"))
    laptop.driver.find_element(By.CSS_SELECTOR, "[data-quiz=sides] input[value='10']").click()
    laptop.driver.find_element(By.CSS_SELECTOR, "[data-quiz=sides] button").click()
    until_saved(laptop)

    library = new_reader("library")
    library.open(house.book(TRUSTED, "shapes.html"))
    assert program(library) != HEXAGON
    library.sign_in("Xena")
    library.wait(lambda: program(library) == HEXAGON)
    assert lines(library) == 6
    library.open(house.book(TRUSTED, "turns.html"))
    library.wait(lambda: library.driver.find_elements(By.CSS_SELECTOR, "[data-quiz=sides][data-state=right]"))
    library.open(house.book(TRUSTED, "index.html"))
    read = "[data-progress=turns]"
    library.wait(lambda: library.driver.find_element(By.CSS_SELECTOR, read).text.endswith("read"))

    library.open(house.book(TRUSTED, "shapes.html"))
    library.wait(lambda: program(library) == HEXAGON)
    library.click("sign-out")
    library.wait(lambda: program(library) != HEXAGON)  # the next person at this computer does not see it


def test_the_book_is_read_without_a_gateway(house: House, new_reader: NewReader) -> None:
    reader = new_reader()
    reader.cdp("Network.enable")
    reader.cdp("Network.setBlockedURLs", urls=[f"{house.gateway}/*"])
    reader.driver.get(house.book(TRUSTED, "shapes.html"))
    write_program(reader, HEXAGON)
    reader.driver.find_element(By.CSS_SELECTOR, "turtle-program[name=square] .run").click()
    assert lines(reader) == 6
    note = reader.driver.find_element(By.CSS_SELECTOR, "bookgate-sign-in .alone")
    reader.wait(note.is_displayed)
