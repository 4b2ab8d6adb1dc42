"""Pictures in the conversation are held only while their messages are on the screen."""

from __future__ import annotations

from tests.ui.followed import LOBBY, FollowedModel, entered, message
from trio_chat.protocol.events import Deleted
from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.tui.model.previews import Previews

PICTURE = Picture(1, 2, bytes(6))


def talk() -> FollowedModel:
    model = entered()
    for seq in range(1, 6):
        model.take(message(seq, f"number {seq}"), 0.0, 0.0)
    return model


def held(model: FollowedModel) -> list[int]:
    return [entry.seq for entry in model.room.log.entries if entry.picture is not None]


def test_a_picture_stays_while_its_message_is_on_the_screen() -> None:
    model, previews = talk(), Previews()
    assert previews.show(model.room, 2, PICTURE, "id")
    assert previews.show(model.room, 4, PICTURE, "id")
    assert model.room.reveal == 4
    previews.keep(model.room, [2, 3, 4])
    assert held(model) == [2, 4]
    previews.keep(model.room, [4, 5])
    assert held(model) == [4]
    assert len(previews) == 1
    other = talk()
    previews.keep(other.room, [4])
    assert held(model) == []
    assert len(previews) == 0


def test_a_picture_is_hidden_again_and_its_entry_is_laid_out_anew() -> None:
    model, previews = talk(), Previews()
    entry = model.room.log.find(3)
    assert entry is not None
    versions = [entry.version]
    previews.show(model.room, 3, PICTURE, "id")
    assert (previews.file(model.room, 3), previews.file(model.room, 4)) == ("id", "")
    versions.append(entry.version)
    assert previews.hide(model.room, 3)
    versions.append(entry.version)
    assert versions == sorted(set(versions))
    assert not previews.hide(model.room, 3)
    assert len(previews) == 0


def test_there_is_no_picture_without_a_message() -> None:
    model, previews = talk(), Previews()
    assert not previews.show(model.room, 77, PICTURE, "id")
    gone = Deleted(room=LOBBY, seq=6, time="2026-01-31T12:00:00.000Z", sender="bob", sender_id=2, target=3)
    previews.show(model.room, 3, PICTURE, "id")
    model.take(gone, 0.0, 0.0)
    assert held(model) == []
    assert not previews.show(model.room, 3, PICTURE, "id")
    previews.keep(model.room, [1, 2, 3])
    assert len(previews) == 0


def test_the_picture_of_a_stretch_that_was_dropped_is_not_held() -> None:
    model, previews = talk(), Previews()
    previews.show(model.room, 3, PICTURE, "id")
    model.room.log.replace([message(3, "the same again")], more_before=False, more_after=False)
    previews.keep(model.room, [3])
    assert len(previews) == 0
