// Verifies deliveries as a receiver written for node would: one letter a line on stdin, one verdict a line on stdout.
// A letter is {"secret", "headers", "body"}; a verdict is {"data": …} when it verified, or {"error": "…"}.
const { createInterface } = require("node:readline");
const { Webhook } = require("standardwebhooks");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  let verdict;
  try {
    verdict = { data: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    verdict = { error: error.message };
  }
  console.log(JSON.stringify(verdict));
});
