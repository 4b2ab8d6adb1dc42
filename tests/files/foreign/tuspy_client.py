"""Uploads with tuspy, job by job: a line of JSON on the standard input is a job, and each gets a line as its answer."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

PATIENCE = 120.0


def upload(job: dict[str, Any]) -> dict[str, Any]:
    client = TusClient(job["endpoint"], headers={"Authorization": f"Bearer {job['token']}"})
    more = {"chunk_size": job["chunk"]} if job["chunk"] else {}
    uploader, tries, deadline = None, 0, time.monotonic() + PATIENCE
    while True:
        try:
            if uploader is None:
                uploader = client.uploader(
                    job["path"], metadata=job["metadata"], upload_checksum=job["checksum"], **more
                )
            elif uploader.url:
                uploader.offset = uploader.get_offset()
            uploader.upload()
        except (TusCommunicationError, TusUploadFailed) as error:
            status = getattr(error, "status_code", None)
            if time.monotonic() > deadline or (status is not None and 400 <= status < 500 and status not in {409, 423}):
                return {"error": f"{status} {error} {getattr(error, 'response_content', '')}"}
            tries += 1
            time.sleep(0.05)
        else:
            return {"url": uploader.url, "tries": tries}


for line in sys.stdin:
    sys.stdout.write(json.dumps(upload(json.loads(line))) + "\n")
    sys.stdout.flush()
