"""One word to stop, heard at once by whoever waits."""

import threading

from runner.stop import Stop


def test_nothing_is_said_at_first_and_the_first_reason_stays() -> None:
    stop = Stop()
    assert stop() is None
    stop.say("enough")
    stop.say("later")
    assert stop() == "enough"


def test_a_pause_nobody_ends_lasts_as_long_as_asked() -> None:
    assert Stop().wait(0.01) is False


def test_a_pause_ends_with_the_word() -> None:
    stop = Stop()
    waiting, heard = threading.Event(), []

    def wait() -> None:
        waiting.set()
        heard.append(stop.wait(600))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(10)
    stop.say("enough")
    thread.join(10)
    assert heard == [True]


def test_a_word_said_elsewhere_is_heard_too() -> None:
    said = iter([None, "lease lost", "lease lost"])
    stop = Stop(lambda: next(said))
    assert stop.wait(600) is True
    assert stop() == "lease lost"
