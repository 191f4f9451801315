/** What was asked about: its bytes to keep, and its samples to draw and play. */

/**
 * @typedef {object} Recording
 * @property {Blob} blob a WAV file, or the file that was chosen
 * @property {string} name
 * @property {"microphone"|"tab"|"file"} from
 */

/**
 * A WAV file of 16-bit mono blocks.
 * @param {Int16Array[]} blocks
 * @param {number} rate_hz
 * @returns {Blob}
 */
export function wav(blocks, rate_hz) {
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0);
  const head = new DataView(new ArrayBuffer(44));
  const word = (/** @type {number} */ at, /** @type {string} */ text) => {
    for (let i = 0; i < text.length; i += 1) head.setUint8(at + i, text.charCodeAt(i));
  };
  word(0, "RIFF");
  head.setUint32(4, 36 + bytes, true);
  word(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, rate_hz, true);
  head.setUint32(28, rate_hz * 2, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  word(36, "data");
  head.setUint32(40, bytes, true);
  return new Blob([head, .../** @type {BlobPart[]} */ (/** @type {unknown} */ (blocks))], {
    type: "audio/wav",
  });
}

/** The longest file that is decoded in the page, to keep a phone's memory. */
const LARGEST_BYTES = 40_000_000;

/**
 * Decode to memory; null where the browser cannot, or it is too large.
 * @param {Blob} blob
 * @returns {Promise<AudioBuffer|null>}
 */
export async function decoded(blob) {
  if (blob.size > LARGEST_BYTES) return null;
  try {
    const context = new OfflineAudioContext(1, 1, 32000);
    return await context.decodeAudioData(await blob.arrayBuffer());
  } catch {
    return null;
  }
}

/**
 * The lowest and highest sample of each of `points` stretches of a part of a buffer.
 * @param {AudioBuffer} buffer
 * @param {number} points
 * @param {number} start_s may lie before the sound
 * @param {number} end_s may lie behind it
 * @returns {[number, number][]}
 */
export function peaks(buffer, points, start_s, end_s) {
  const samples = buffer.getChannelData(0);
  const width = ((end_s - start_s) * buffer.sampleRate) / points;
  const found = [];
  for (let i = 0; i < points; i += 1) {
    const from = Math.max(0, Math.floor(start_s * buffer.sampleRate + i * width));
    const to = Math.min(samples.length, Math.ceil(start_s * buffer.sampleRate + (i + 1) * width));
    let low = 0;
    let high = 0;
    for (let k = from; k < to; k += 1) {
      if (samples[k] < low) low = samples[k];
      if (samples[k] > high) high = samples[k];
    }
    found.push(/** @type {[number, number]} */ ([low, high]));
  }
  return found;
}

/** @param {AudioBuffer} buffer @returns {number} its RMS level where it sounds, in [0, 1] */
export function loudness(buffer) {
  const samples = buffer.getChannelData(0);
  let square = 0;
  for (const value of samples) square += value * value;
  return Math.sqrt(square / Math.max(1, samples.length));
}
