"""What can go wrong with data sets that TFDS downloads, told in one sentence."""

from __future__ import annotations

import socket
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from cells.support.errors import UserError, first_line

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def require_network(builder: tfds.core.DatasetBuilder, name: str) -> None:
    """Raises `UserError` at once where TFDS would try for minutes to find an unknown host.

    It only looks the hosts up that TFDS lists for the set; where TFDS lists none, a proxy looks
    them up, or the files are to be fetched by hand, nothing is checked.
    """
    if urllib.request.getproxies() or builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        return
    listed = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or {}}
    hosts = sorted(host for host in listed if host)[:3]
    for host in hosts:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            continue
        return
    if hosts:
        raise UserError(
            f"the data set {name!r} is not prepared ({builder.data_dir} does not exist) and cannot "
            f"be downloaded without a network ({hosts[0]} is not found): prepare it elsewhere and "
            "give its folder, or choose one that needs no download, such as 'digits'"
        )


def not_downloaded(builder: tfds.core.DatasetBuilder, name: str, error: Exception) -> UserError:
    """Returns the error for a set that TFDS failed to download or to prepare."""
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and isinstance(error, AssertionError):
        return UserError(
            f"the data set {name!r} must be downloaded by hand as its page in the catalogue of "
            f"TFDS tells ({first_line(error).split('. Create it')[0]}), or give the folder of a "
            "prepared one"
        )
    return UserError(
        f"TFDS could not download and prepare the data set {name!r} ({first_line(error)}): "
        "prepare it elsewhere and give its folder"
    )
