"""Pictures read back as terminals read them: kitty's graphics and sixels."""

from __future__ import annotations

import re


def read_kitty(sequence: str) -> tuple[dict[str, str], list[str]]:
    """The keys of the first command of kitty's graphics, and the pieces of base64, each command being whole."""
    commands = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sequence)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in commands) == sequence
    keys = [dict(pair.split("=") for pair in command[0].split(",")) for command in commands]
    assert [command["m"] for command in keys] == ["1"] * (len(keys) - 1) + ["0"]
    assert all(set(command) == {"m"} for command in keys[1:])
    return keys[0], [data for _, data in commands]


def read_sixels(sequence: str) -> list[list[tuple[int, int, int] | None]]:
    """Decode sixels as a terminal does; colours are of 8 bits."""
    found = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', sequence)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    shown: list[list[tuple[int, int, int] | None]] = [[None] * width for _ in range(height)]
    registers: dict[int, tuple[int, int, int]] = {}
    register = x = band = 0
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|([?-~])|([$-])", found[3]):
        if token[1]:
            register = int(token[1])
            if token[2]:
                red, green, blue = (round(int(token[n]) * 255 / 100) for n in (2, 3, 4))
                registers[register] = red, green, blue
        elif token[8]:
            x, band = 0, band + int(token[8] == "-")
        else:
            bits = ord(token[6] or token[7]) - 63
            for _ in range(int(token[5] or 1)):
                for row in range(6):
                    if bits >> row & 1:
                        assert shown[band * 6 + row][x] is None
                        shown[band * 6 + row][x] = registers[register]
                x += 1  # noqa: SIM113 - it goes back at the end of a row
    return shown
