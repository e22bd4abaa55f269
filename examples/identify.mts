// One pill, front and back, over REST with nothing but fetch:   node examples/identify.mts [http://HOST:PORT]
// Node runs this file as it is from version 22.18 on; older ones need `npx tsx examples/identify.mts`.
import { readFile } from "node:fs/promises";

type Status = "identified" | "uncertain" | "unknown" | "retake";
interface Pill {
  status: Status;
  confidence: number;
  medication: { medication_id: string; name: string } | null;
  next: string | null;
}
interface Answer {
  request_id: string;
  release: { version: string };
  pills: Pill[];
}
interface Problem {
  code: string;
  detail: string;
  request_id: string;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const picture = async (name: string) => new Blob([await readFile(new URL(name, import.meta.url))]);

async function identify(service: string, attempts = 5, deadlineMs = 10_000): Promise<Answer> {
  const form = new FormData();
  form.set("image", await picture("front.jpg"), "front.jpg");
  form.set("image_back", await picture("back.jpg"), "back.jpg");
  form.set("metadata", JSON.stringify({ imprint: "93;5126", color: "PINK", shape: "TRIANGLE" }));
  const signal = AbortSignal.timeout(deadlineMs); // for all attempts together
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(`${service}/api/v1/predict`, { method: "POST", body: form, signal });
    if (response.ok) return (await response.json()) as Answer;
    const again = response.status === 429 || response.status === 503;
    if (!again || attempt === attempts) {
      const problem = (await response.json()) as Problem;
      throw new Error(`${problem.detail} (${problem.code}, request ${problem.request_id})`);
    }
    const askedMs = 1000 * Number(response.headers.get("Retry-After") ?? 0);
    await sleep(askedMs + Math.random() * 100 * 2 ** (attempt - 1)); // full jitter, so that callers spread
    signal.throwIfAborted();
  }
}

const answer = await identify(process.argv[2] ?? "http://127.0.0.1:3000");
for (const pill of answer.pills) {
  console.log(`${pill.status}: ${pill.medication?.name ?? pill.next} (confidence ${pill.confidence.toFixed(2)})`);
}
console.log(`release ${answer.release.version}, request ${answer.request_id}`);
