"""One request at a time writes to an upload."""

from __future__ import annotations

import trio
import trio.testing

from trio_chat.errors import Refusal
from trio_chat.server.doors.files.upload_claims import PATIENCE, STALLED, UploadClaim, UploadClaims


async def write(
    claims: UploadClaims, seconds: float, *, moving: bool = True, task_status: trio.TaskStatus[UploadClaim]
) -> None:
    """Hold the claim to the upload "a" for so long."""
    async with claims.hold("a") as claim:
        assert isinstance(claim, UploadClaim)
        task_status.started(claim)
        with claim.scope:
            for _ in range(int(seconds * 10)):
                await trio.sleep(0.1)
                if moving:
                    claim.moved()


async def test_another_upload_is_free_at_once(autojump_clock: trio.testing.MockClock) -> None:
    claims = UploadClaims()
    async with claims.hold("a") as one, claims.hold("b") as other:
        assert isinstance(one, UploadClaim)
        assert isinstance(other, UploadClaim)
        assert repr(claims) == "<UploadClaims: 2 held>"
    assert repr(claims) == "<UploadClaims: 0 held>"
    assert trio.current_time() == 0


async def test_an_upload_is_waited_for_while_the_other_request_ends(autojump_clock: trio.testing.MockClock) -> None:
    claims = UploadClaims()
    async with trio.open_nursery() as nursery:
        first = await nursery.start(write, claims, PATIENCE / 2)
        async with claims.hold("a") as claim:
            assert isinstance(claim, UploadClaim)
            assert not first.lost


async def test_a_request_that_brings_bytes_keeps_its_upload(autojump_clock: trio.testing.MockClock) -> None:
    claims = UploadClaims()
    async with trio.open_nursery() as nursery:
        first = await nursery.start(write, claims, 2 * STALLED)
        async with claims.hold("a") as claim:
            assert isinstance(claim, Refusal)
            assert claim.code == "upload_busy"
        assert not first.lost


async def test_a_request_that_stands_still_gives_way(autojump_clock: trio.testing.MockClock) -> None:
    claims = UploadClaims()
    async with trio.open_nursery() as nursery:
        first = await nursery.start(lambda task_status: write(claims, 99, moving=False, task_status=task_status))
        async with claims.hold("a") as early:
            assert isinstance(early, Refusal)
        await trio.sleep(STALLED - PATIENCE)
        async with claims.hold("a") as late:
            assert isinstance(late, UploadClaim)
        assert first.lost
    assert trio.current_time() < 2 * STALLED


async def test_a_request_that_removes_the_upload_takes_it_from_any_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    claims = UploadClaims()
    async with trio.open_nursery() as nursery:
        first = await nursery.start(write, claims, 99)
        async with claims.hold("a", take=True) as claim:
            assert isinstance(claim, UploadClaim)
        assert first.lost
    assert trio.current_time() < 1


async def test_of_two_that_wait_one_gets_the_upload_first(autojump_clock: trio.testing.MockClock) -> None:
    claims = UploadClaims()
    order: list[str] = []

    async def take(name: str) -> None:
        async with claims.hold("a") as claim:
            assert isinstance(claim, UploadClaim)
            order.append(f"{name} begins")
            await trio.sleep(0.1)
            order.append(f"{name} ends")

    async with trio.open_nursery() as nursery:
        await nursery.start(write, claims, 1)
        nursery.start_soon(take, "b")
        nursery.start_soon(take, "c")
    assert sorted(order[:2]) in (["b begins", "b ends"], ["c begins", "c ends"])
    assert len(order) == 4


async def test_a_request_that_is_cancelled_while_it_waits_leaves_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    claims = UploadClaims()
    async with trio.open_nursery() as nursery:
        await nursery.start(write, claims, 1)
        with trio.move_on_after(0.1):
            async with claims.hold("a"):
                raise AssertionError
    assert repr(claims) == "<UploadClaims: 0 held>"
