// Uploads with tus-js-client, job by job: a line of JSON on the standard input is a job, and each gets a line as its answer.
const fs = require("node:fs");
const readline = require("node:readline");
const tus = require("tus-js-client");

function upload(job) {
  return new Promise((resolve) => {
    let tries = 0;
    const made = new tus.Upload(fs.createReadStream(job.path), {
      endpoint: job.endpoint,
      headers: { Authorization: `Bearer ${job.token}` },
      metadata: job.metadata,
      chunkSize: job.chunk || Infinity,
      uploadDataDuringCreation: job.with_creation && fs.statSync(job.path).size > 0, // it fails for an empty file
      retryDelays: Array(200).fill(50),
      onShouldRetry: (error) => {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        tries += 1;
        return status < 400 || status >= 500 || status === 409 || status === 423;
      },
      onError: (error) => resolve({ error: String(error) }),
      onSuccess: () => resolve({ url: made.url, tries }),
    });
    made.start();
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await upload(JSON.parse(line))));
  }
})();
