"""Commands as the user types them, in this process."""

import json
import sys
from dataclasses import dataclass

import pytest

from sme_cli.app import main


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def sme(capfd, monkeypatch):
    """Run `sme ARGUMENTS…`; gives exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sme", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        else:
            code = 0
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run
