from __future__ import annotations

from trio_chat.client.events import Backlog, ChatEvent
from trio_chat.client.rooms import MOST_HELD, RoomView
from trio_chat.protocol.events import Message, RoomEvent, RoomInfo


def message(seq: int) -> Message:
    return Message(room="#ops", seq=seq, time="", sender="bob", text=str(seq), cid="x")


def lines(*seqs: int) -> list[tuple[int, RoomEvent | None]]:
    return [(seq, message(seq)) for seq in seqs]


def room(last: int = 0) -> RoomView:
    return RoomView.enter(RoomInfo(name="#ops", last=last))


def shown(events: list[ChatEvent]) -> list[int | str]:
    return [event.seq if isinstance(event, Message) else f"missed {event.count}" for event in events]  # type: ignore[union-attr] # rooms yield messages and Missed


def live(view: RoomView, *seqs: int, size: int = 1) -> list[int | str]:
    return [shown_event for seq in seqs for shown_event in shown(view.take_live(seq, message(seq), size))]


def frozen(view: RoomView) -> tuple[bool, bool]:
    return view.catching_up, view.must_ask


def test_the_next_event_is_yielded_and_an_old_one_is_not() -> None:
    view = room(last=3)
    assert live(view, 4, 4, 5, 2, 5, 6) == [4, 5, 6]
    assert not view.catching_up


def test_events_after_a_gap_are_held_until_the_log_fills_it() -> None:
    view = room()
    assert live(view, 1, 4, 5) == [1]
    assert view.must_ask
    view.asked = True
    assert live(view, 6) == []
    assert frozen(view) == (True, False)
    assert shown(view.take_page(lines(2, 3, 4), more=False, first=1)) == [2, 3, 4, 5, 6]
    assert not view.catching_up
    assert live(view, 7) == [7]


def test_a_page_with_more_behind_it_makes_the_room_ask_on() -> None:
    view = room()
    live(view, 9)
    assert shown(view.take_page(lines(1, 2), more=True, first=1)) == [1, 2]
    assert view.must_ask
    assert shown(view.take_page(lines(3, 4, 5, 6, 7, 8), more=False, first=1)) == [3, 4, 5, 6, 7, 8, 9]


def test_events_that_the_log_no_longer_has_are_reported_missed() -> None:
    view = room()
    live(view, 9)
    assert shown(view.take_page(lines(7, 8), more=False, first=7)) == ["missed 6", 7, 8, 9]


def test_a_log_that_kept_nothing_is_reported_missed() -> None:
    view = room()
    view.resume(RoomInfo(name="#ops", first=9, last=8))
    assert view.must_ask
    assert shown(view.take_page([], more=False, first=9)) == ["missed 8"]
    assert not view.catching_up
    assert live(view, 9) == [9]


def test_a_hole_in_a_page_is_reported_missed() -> None:
    view = room()
    live(view, 5)
    assert shown(view.take_page(lines(1, 3), more=False, first=1)) == [1, "missed 1", 3]
    assert view.must_ask  # 4 may have come meanwhile
    assert shown(view.take_page([], more=False, first=1)) == ["missed 1", 5]
    assert not view.catching_up


def test_a_server_that_makes_no_progress_is_not_asked_for_ever() -> None:
    view = room()
    live(view, 5)
    assert shown(view.take_page([], more=True, first=1)) == ["missed 4", 5]
    assert not view.must_ask


def test_events_of_unknown_types_count_in_the_sequence() -> None:
    view = room()
    assert view.take_live(1, None, 1) == []
    assert live(view, 2, 5) == [2]
    assert shown(view.take_page([(3, None), *lines(4)], more=False, first=1)) == [4, 5]


def test_live_events_out_of_order_are_yielded_in_order() -> None:
    view = room()
    assert live(view, 3, 2) == []
    assert shown(view.take_page(lines(1), more=False, first=1)) == [1, 2, 3]


def test_held_events_are_bounded_and_fetched_again_beyond_the_bound() -> None:
    view = room()
    assert live(view, 2, 3, size=MOST_HELD // 2) == []
    assert live(view, 4, size=MOST_HELD // 2) == []
    assert live(view, 5) == []  # small enough, but there would be a hole before it
    assert shown(view.take_page(lines(1), more=False, first=1)) == [1, 2, 3]
    assert view.must_ask
    assert shown(view.take_page(lines(4, 5), more=False, first=1)) == [4, 5]
    assert not view.catching_up
    assert live(view, 6) == [6]


def test_giving_up_reports_the_missing_events_and_goes_on() -> None:
    view = room()
    live(view, 3, 6)
    assert shown(view.give_up()) == ["missed 2", 3, "missed 2", 6]
    assert not view.catching_up
    assert live(view, 7) == [7]


def test_a_log_that_shrank_is_a_new_log_with_nothing_seen() -> None:
    view = room(last=9)
    view.resume(RoomInfo(name="#ops", last=2))
    assert view.must_ask
    assert live(view, 3) == []
    assert shown(view.take_page(lines(1, 2, 3), more=False, first=1)) == [1, 2, 3]
    assert live(view, 4) == [4]


def test_a_log_that_began_anew_is_unseen_from_its_first_event() -> None:
    view = room(last=9)
    view.forget_log()
    view.resume(RoomInfo(name="#ops", first=5, last=20))
    assert view.must_ask
    assert view.seen == 4  # what stands before that is not for us
    assert shown(view.take_page(lines(18, 19, 20), more=False, first=18)) == ["missed 13", 18, 19, 20]
    assert not view.catching_up


def test_an_empty_log_that_began_anew_has_nothing_to_fetch() -> None:
    view = room(last=9)
    view.forget_log()
    view.resume(RoomInfo(name="#ops"))
    assert not view.catching_up
    assert live(view, 1) == [1]


def test_the_read_position_only_goes_forward() -> None:
    view = room(last=9)
    view.read = 5
    view.update(RoomInfo(name="#ops", last=9, read=3))
    assert view.read == 5
    view.update(RoomInfo(name="#ops", last=9, read=8))
    assert view.read == 8


def test_held_events_are_dropped_with_their_connection() -> None:
    view = room()
    live(view, 9)
    view.interrupt()
    view.forget_log()
    view.resume(RoomInfo(name="#ops", last=2))
    assert shown(view.take_page(lines(1, 2), more=False, first=1)) == [1, 2]
    assert not view.catching_up
    assert live(view, 3) == [3]


def test_the_first_message_of_a_room_can_mention_the_person() -> None:
    view = room()
    view.note_mention(1)
    assert view.mentions == 1
    view.note_mention(1, on=False)
    assert view.mentions == 0


def test_a_backlog_that_a_lost_connection_interrupts_is_read_anew_and_has_each_event_once() -> None:
    info = RoomInfo(name="#ops", last=4)
    view = RoomView.enter(info, backlog=4)
    assert view.take_back_page(lines(3, 4), more=True, first=1) == []
    view.interrupt()
    view.resume(info)
    (backlog,) = view.take_back_page(lines(1, 2, 3, 4), more=False, first=1)
    assert isinstance(backlog, Backlog)
    assert [event.seq for event in backlog.events] == [1, 2, 3, 4]
