/** Another speed at the same pitch: overlapping pieces, each laid where it continues the one before. */

const PIECE_S = 0.05;
const SEARCH_S = 0.01;

/**
 * Play `speed` times as fast without changing the pitch (WSOLA).
 * @param {AudioBuffer} buffer mono
 * @param {number} speed
 * @returns {AudioBuffer}
 */
export function stretched(buffer, speed) {
  const rate = buffer.sampleRate;
  const input = buffer.getChannelData(0);
  const half = Math.round((PIECE_S * rate) / 2);
  const reach = Math.round(SEARCH_S * rate);
  const length = Math.max(1, Math.floor(input.length / speed));
  const made = new AudioBuffer({
    length: length + 2 * half,
    numberOfChannels: 1,
    sampleRate: rate,
  });
  const output = made.getChannelData(0);
  const fade = Float32Array.from(
    { length: 2 * half },
    (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / half),
  );
  let before = 0;
  for (let at = 0; at < length; at += half) {
    const wanted = Math.round(at * speed);
    const from = at === 0 ? 0 : nearest(input, before + half, wanted, reach, half);
    for (let i = 0; i < 2 * half && from + i < input.length; i += 1)
      output[at + i] += input[from + i] * fade[i];
    before = from;
  }
  return made;
}

/**
 * Where, about `wanted`, the input goes on most like it does at `like`.
 * @param {Float32Array} input
 * @param {number} like
 * @param {number} wanted
 * @param {number} reach
 * @param {number} count
 */
function nearest(input, like, wanted, reach, count) {
  let best = wanted;
  let most = -Infinity;
  for (let from = Math.max(0, wanted - reach); from <= wanted + reach; from += 2) {
    let sum = 0;
    for (let i = 0; i < count; i += 4) sum += (input[from + i] ?? 0) * (input[like + i] ?? 0);
    if (sum > most) {
      most = sum;
      best = from;
    }
  }
  return best;
}
