"""Sets that TFDS would have to download, and cannot."""

from __future__ import annotations

import socket
import urllib.request

import pytest
import tensorflow_datasets as tfds

from cells.data import builder
from cells.support.errors import UserError


def test_without_a_network_the_download_fails_at_once(tmp_path, monkeypatch):
    def unknown(*_):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    with pytest.raises(UserError, match=r"'cifar100' is not prepared.*without a network") as error:
        builder("cifar100", tmp_path)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_failed_download_is_told_in_one_sentence(tmp_path, monkeypatch):
    def fail(self):
        raise ConnectionError("the host hung up\nand more")

    monkeypatch.setattr("cells.data.tfds_sets.require_network", lambda *_: None)
    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", fail)
    with pytest.raises(UserError, match=r"could not download.*'cifar100' \(the host hung up\)"):
        builder("cifar100", tmp_path)
    # By hand:
    with pytest.raises(UserError, match="could not download"):
        builder("imagenet2012", tmp_path)


def test_sets_to_be_fetched_by_hand(tmp_path):
    with pytest.raises(UserError, match=r"'imagenet2012' must be downloaded by hand") as error:
        builder("imagenet2012", tmp_path)
    assert "\n" not in str(error.value)
