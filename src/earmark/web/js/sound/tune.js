/** A tune that is only written down, as a sound: plucked tones along its line of pitch. */

const RATE_HZ = 22050;

/**
 * @param {number[]} times_s in the query's time, ascending
 * @param {(number|null)[]} semitones MIDI note numbers
 * @returns {AudioBuffer} whose second 0 is the query's
 */
export function tuneSound(times_s, semitones) {
  const end_s = (times_s.at(-1) ?? 0) + 0.3;
  const buffer = new AudioBuffer({
    length: Math.ceil(end_s * RATE_HZ),
    numberOfChannels: 1,
    sampleRate: RATE_HZ,
  });
  const out = buffer.getChannelData(0);
  let from = 0;
  while (from < times_s.length) {
    const note = semitones[from];
    let to = from + 1;
    while (
      to < times_s.length &&
      semitones[to] !== null &&
      note !== null &&
      Math.abs(Number(semitones[to]) - note) < 0.5
    )
      to += 1;
    if (note !== null)
      pluck(out, times_s[from], (times_s[to] ?? end_s - 0.2) - times_s[from], note);
    from = to;
  }
  return buffer;
}

/**
 * @param {Float32Array} out
 * @param {number} start_s
 * @param {number} length_s
 * @param {number} note
 */
function pluck(out, start_s, length_s, note) {
  const hz = 440 * 2 ** ((note - 69) / 12);
  const count = Math.round((length_s + 0.15) * RATE_HZ);
  const first = Math.round(start_s * RATE_HZ);
  for (let i = 0; i < count && first + i < out.length; i += 1) {
    const at_s = i / RATE_HZ;
    const fade =
      Math.min(1, at_s / 0.008) *
      Math.exp(-2.2 * at_s) *
      Math.min(1, (count - i) / (0.1 * RATE_HZ));
    const turn = 2 * Math.PI * hz * at_s;
    out[first + i] +=
      0.3 * fade * (Math.sin(turn) + 0.4 * Math.sin(2 * turn) + 0.2 * Math.sin(3 * turn));
  }
}
