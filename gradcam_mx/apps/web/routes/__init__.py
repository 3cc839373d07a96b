"""The addresses of the app, a file for each thing that they are about."""

from __future__ import annotations

from ....errors import DependencyError

try:
    from flask import Flask as Flask
except ImportError as error:
    raise DependencyError('the app is served by Flask: pip install "gradcam-mx[app]"') from error
