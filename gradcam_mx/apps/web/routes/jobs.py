"""Addresses of work that takes time."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, request

from .. import actions
from .shared import Served, body

LONGEST_WAIT = 5.0
"""Seconds that an answer may wait for a job."""


def add(app: Flask, served: Served) -> None:
    """Add them.

    Args:
        app: gets them.
        served: what they work on.
    """
    workspace, jobs = served.workspace, served.jobs

    def waited(job: Any, until_ended: bool) -> None:
        seconds = min(max(request.args.get("wait", 0.0, type=float), 0.0), LONGEST_WAIT)
        if seconds > 0 and served.waiting.acquire(blocking=False):
            try:
                jobs.wait(job, seconds, until_ended=until_ended)
            finally:
                served.waiting.release()

    @app.post("/api/jobs")
    def begin() -> Any:
        given = body()
        action = actions.read(workspace, given)
        known = action.known()
        if known is not None:
            return jsonify(jobs.told(jobs.add_done(given["action"], action.title, known)))
        job = jobs.add(given["action"], action.title, action.work)
        waited(job, until_ended=True)
        told = jobs.told(job)
        return jsonify(told), 200 if told["state"] not in ("waiting", "running") else 202

    @app.get("/api/jobs")
    def all_jobs() -> Any:
        return jsonify({"jobs": [jobs.told(one, with_result=False) for one in jobs.all()]})

    @app.get("/api/jobs/<job_id>")
    def one_job(job_id: str) -> Any:
        job = jobs.find(job_id)
        waited(job, until_ended=False)
        return jsonify(jobs.told(job))

    @app.delete("/api/jobs/<job_id>")
    def cancel(job_id: str) -> Any:
        job = jobs.find(job_id)
        jobs.cancel(job)
        return jsonify(jobs.told(job))
