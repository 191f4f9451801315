/**
 * The microphone's sound as 16 kHz mono, in blocks of a tenth of a second, and its level.
 *
 * Messages: `{level, peak}` about sixty times a second, in [0, 1]; `{block: Int16Array}`.
 */

const BLOCK_S = 0.1;
const ZEROS = 16; // of the filter's sinc on each side, at the lower rate
const STEPS = 512; // of its table between two zeros

class Recorder extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rate_hz: number}}} options */
  constructor(options) {
    super();
    this.rate_hz = options.processorOptions.rate_hz;
    this.step = sampleRate / this.rate_hz;
    this.block = new Int16Array(Math.round(this.rate_hz * BLOCK_S));
    this.filled = 0;
    this.square = 0;
    this.peak = 0;
    this.measured = 0;
    this.reach = Math.ceil(ZEROS * this.step);
    this.held = new Float32Array(0); // input that the filter still needs
    this.at = 0; // where the next output sample lies in it
    this.table = this.step > 1 ? kernel() : null;
    this.done = false;
    this.port.onmessage = () => {
      this.done = true;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const mono = mixed(inputs[0]);
    if (mono) {
      this.measure(mono);
      if (this.table) this.resample(mono);
      else for (const value of mono) this.put(value);
    }
    return !this.done;
  }

  /** @param {Float32Array} mono */
  measure(mono) {
    for (const value of mono) {
      this.square += value * value;
      const height = Math.abs(value);
      if (height > this.peak) this.peak = height;
    }
    this.measured += mono.length;
    if (this.measured < sampleRate / 60) return;
    this.port.postMessage({ level: Math.sqrt(this.square / this.measured), peak: this.peak });
    this.square = 0;
    this.peak = 0;
    this.measured = 0;
  }

  /** Low-pass and decimate by any ratio. @param {Float32Array} mono */
  resample(mono) {
    const joined = new Float32Array(this.held.length + mono.length);
    joined.set(this.held);
    joined.set(mono, this.held.length);
    const { step, reach, table } = this;
    let at = this.at || reach;
    for (; at + reach < joined.length; at += step) {
      let sum = 0;
      const last = Math.floor(at + reach);
      for (let i = Math.ceil(at - reach); i <= last; i += 1) {
        sum +=
          joined[i] *
          table[Math.min(table.length - 1, Math.round((Math.abs(i - at) / step) * STEPS))];
      }
      this.put(sum / step);
    }
    const spent = Math.max(0, Math.floor(at - reach));
    this.held = joined.slice(spent);
    this.at = at - spent;
  }

  /** @param {number} value */
  put(value) {
    this.block[this.filled] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    this.filled += 1;
    if (this.filled < this.block.length) return;
    const full = this.block;
    this.block = new Int16Array(full.length);
    this.filled = 0;
    this.port.postMessage({ block: full }, [full.buffer]);
  }
}

/** @param {Float32Array[]|undefined} channels @returns {Float32Array|null} their mean */
function mixed(channels) {
  if (!channels || !channels.length) return null;
  if (channels.length === 1) return channels[0];
  const mono = new Float32Array(channels[0].length);
  for (const channel of channels)
    for (let i = 0; i < mono.length; i += 1) mono[i] += channel[i] / channels.length;
  return mono;
}

/** A sinc under a Hann window, passing nine tenths of the lower rate's band. */
function kernel() {
  const table = new Float32Array(ZEROS * STEPS + 1);
  const band = 0.9;
  for (let i = 0; i < table.length; i += 1) {
    const x = i / STEPS;
    const sinc = x === 0 ? band : Math.sin(Math.PI * band * x) / (Math.PI * x);
    table[i] = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / ZEROS));
  }
  return table;
}

registerProcessor("earmark-recorder", Recorder);
