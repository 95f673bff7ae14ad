"""What readers do with each kind of activity, and what they then see of their answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.reader import Reader

TYPED: Final = 'print("by hand")'


class Desk:
    """One activity in front of a reader."""

    def __init__(self, reader: Reader, name: str) -> None:
        self.reader = reader
        self.name = name

    def all(self, selector: str) -> list[WebElement]:
        return self.reader.driver.find_elements(By.CSS_SELECTOR, f'[id="{self.name}"] {selector}')

    def find(self, selector: str) -> WebElement:
        self.reader.wait(lambda: self.all(selector), f"{self.name} {selector}")
        return self.all(selector)[0]

    def click(self, selector: str) -> None:
        """Components draw themselves again at any time."""

        def clicked() -> bool:
            try:
                self.click_on(self.find(selector))
            except StaleElementReferenceException:
                return False
            return True

        self.reader.wait(clicked, selector)

    def click_on(self, element: WebElement) -> None:
        self.reader.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, element: WebElement, key: str) -> None:
        self.reader.driver.execute_script("arguments[0].focus()", element)
        element.send_keys(key)

    def drag(self, element: WebElement, target: WebElement) -> None:
        self.reader.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.reader.driver).drag_and_drop(element, target).perform()


@dataclass(frozen=True, slots=True)
class Activity:
    """seen: an expression of the page's script, where `root` is the activity's element."""

    kind: str
    name: str
    page: str
    answer: Callable[[Desk], None]
    seen: str


def choose(*options: int) -> Callable[[Desk], None]:
    def answer(desk: Desk) -> None:
        for option in options:
            desk.click(f'[id="{desk.name}_opt_{option}"]')
        desk.click("button[name='do answer']")

    return answer


def fill(desk: Desk) -> None:
    desk.find("input").send_keys("4")
    desk.click("button[name='do answer']")


def place(desk: Desk) -> None:
    """With the keyboard."""
    for number in (1, 2):
        desk.press(desk.find(f'[id="{desk.name}_drag{number}"]'), Keys.ENTER)
        desk.press(desk.find(f'[id="{desk.name}_drop{number}"]'), Keys.ENTER)
    desk.click("button[name='do answer']")


def place_by_click(desk: Desk) -> None:
    for number in (1, 2):
        desk.click(f'[id="{desk.name}_drag{number}"]')
        desk.click(f'[id="{desk.name}_drop{number}"]')
    desk.click("button[name='do answer']")


def connect(desk: Desk) -> None:
    for here, there in (("Paris", "France"), ("Rome", "Italy")):
        boxes = {box.text: box for box in desk.all(".box")}
        desk.drag(boxes[here], boxes[there])
    desk.click(".grade-button")


def mark(desk: Desk) -> None:
    words = {word.text: word for word in desk.all(".clickable")}
    desk.click_on(words["reads"])
    desk.click_on(words["writes"])
    desk.click("button[name='do answer']")


def write(desk: Desk) -> None:
    desk.find("textarea").send_keys("A small book.")
    desk.click("button.btn-success")


def vote(desk: Desk) -> None:
    desk.click(f'[id="{desk.name}_opt_1"]')


def run(desk: Desk) -> None:
    desk.reader.wait(lambda: desk.all(".CodeMirror-line"), "the editor")
    desk.click(".CodeMirror-line")
    keyboard = ActionChains(desk.reader.driver)
    keyboard.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(TYPED).perform()
    desk.click("button.run-button")
    desk.reader.wait(lambda: "by hand" in desk.find("[id$='_stdout']").text, "what the program prints")


def sort(desk: Desk) -> None:
    for text in ("get up", "have breakfast", "go to school"):
        block = next(block for block in desk.all(".block") if block.text.strip() == text)
        desk.drag(block, desk.find(".answer"))
    desk.click("button[id$='-check']")


def line_up(desk: Desk) -> None:
    for text in ("x", "=", "1"):
        desk.click_on(next(block for block in desk.all(".drag-area .parsons-block") if block.text == text))
    desk.click("button.run-button")


def sit_exam(desk: Desk) -> None:
    desk.click("#start")
    desk.click("[id='timed_mc_opt_0']")
    desk.click("#next")
    desk.find("input[type=text]").send_keys("2")
    desk.click("#finish")
    desk.reader.driver.switch_to.alert.accept()  # the book's own question: are you ready?


CHECKED: Final = "[...root.querySelectorAll('input:checked')].map((one) => one.value)"
FILLED: Final = "[...root.querySelectorAll('input')].map((one) => one.value)"
PLACED: Final = (
    "[...root.querySelectorAll('.draggable-drop')].map((one) => "
    "[...one.querySelectorAll('.draggable-drag')].map((drag) => drag.textContent))"
)
CONNECTED: Final = (
    "[root.querySelectorAll('.connector-svg line, .connector-svg path').length, "
    "...componentMap[root.id].connections.map((one) => one.fromBox.dataset.id + one.toBox.dataset.id)]"
)
MARKED: Final = "[...root.querySelectorAll('.clickable-clicked')].map((one) => one.textContent)"
WRITTEN: Final = "[...root.querySelectorAll('textarea')].map((one) => one.value)"
PROGRAM: Final = "[componentMap[root.id].editor.getValue()].filter((code) => code.includes('by hand'))"
SORTED: Final = "[...root.querySelectorAll('.answer .block')].map((one) => one.textContent.trim())"
LINED_UP: Final = (
    "[...root.querySelectorAll('.drop-area .parsons-block')].map((one) => one.textContent.trim())"
)
READY: Final = """
document.querySelectorAll("details").forEach((one) => (one.open = true));
return document.getElementById(arguments[0])?.classList.contains("runestone-component-ready") ?? false;
"""
EXAM: Final = (
    "/Your answers have been recorded/.test(root.textContent)"
    " ? [componentMap[root.id].score, componentMap[root.id].incorrect, componentMap[root.id].skipped] : []"
)


def runestone_activities() -> tuple[Activity, ...]:
    questions, puzzles, exam = "chap1/questions.html", "chap1/puzzles.html", "chap1/exam.html"
    return (
        Activity("multiple choice", "mc_one", questions, choose(1), CHECKED),
        Activity("multiple choice, several answers", "mc_many", questions, choose(0, 2), CHECKED),
        Activity("fill in the blank", "fitb_one", questions, fill, FILLED),
        Activity("drag and drop", "dnd_one", questions, place, PLACED),
        Activity("clickable area", "ca_one", questions, mark, MARKED),
        Activity("short answer", "sa_one", questions, write, WRITTEN),
        Activity("poll", "poll_one", questions, vote, CHECKED),
        Activity("program", "ac_one", puzzles, run, PROGRAM),
        Activity("Parsons", "pp_one", puzzles, sort, SORTED),
        Activity("horizontal Parsons", "hp_one", puzzles, line_up, LINED_UP),
        Activity("timed exam", "timed_one", exam, sit_exam, EXAM),
    )


def pretext_activities() -> tuple[Activity, ...]:
    questions, puzzles = "sec-questions.html", "sec-puzzles.html"
    return (
        Activity("multiple choice", "rs-mc-one", questions, choose(1), CHECKED),
        Activity("multiple choice, several answers", "rs-mc-many", questions, choose(0, 2), CHECKED),
        Activity("true or false", "rs-tf-one", questions, choose(1), CHECKED),
        Activity("fill in the blank", "rs-fitb-one", questions, fill, FILLED),
        Activity("card sort", "rs-dnd-one", questions, place_by_click, PLACED),
        Activity("matching", "rs-match-one", questions, connect, CONNECTED),
        Activity("clickable area", "rs-ca-one", questions, mark, MARKED),
        Activity("short answer", "rs-sa-one", questions, write, WRITTEN),
        Activity("poll", "rs-poll-one", questions, vote, CHECKED),
        Activity("program", "rs-ac-one", puzzles, run, PROGRAM),
        Activity("Parsons", "rs-pp-one", puzzles, sort, SORTED),
        Activity("horizontal Parsons", "rs-hp-one", puzzles, line_up, LINED_UP),
    )


def until_ready(reader: Reader, activity: Activity) -> None:
    """Until the component has said that it is ready; what PreTeXt folds away is unfolded."""
    reader.wait(lambda: reader.driver.execute_script(READY, activity.name), f"{activity.name} is ready")


def seen(reader: Reader, activity: Activity) -> list[object]:
    """What the page shows of the reader's answer; empty: nothing."""
    found = reader.driver.execute_script(
        f"const root = document.getElementById(arguments[0]); return root ? {activity.seen} : []",
        activity.name,
    )
    shown: list[object] = found
    return shown if any(shown) else []
