/** The microphone, or another tab's sound, as blocks of 16 kHz mono. */

export const RATE_HZ = 16000;

/** Why there is no sound to be had: `code` is one of the keys `mic.<code>`. */
export class NoSoundError extends Error {
  /**
   * @param {"insecure"|"denied"|"missing"|"busy"|"unsupported"|"no_audio"|"left"} code
   * @param {string} [detail]
   */
  constructor(code, detail = "") {
    super(detail || code);
    this.name = "NoSoundError";
    this.code = code;
  }
}

/** @returns {boolean} whether a tab's sound can be taken here */
export function tabsCanBeHeard() {
  return (
    Boolean(navigator.mediaDevices?.getDisplayMedia) && !/Mobi|Android/i.test(navigator.userAgent)
  );
}

/** What browsers do for speech spoils music: all of it off. */
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** @returns {Promise<MediaStream>} */
async function microphone() {
  if (!window.isSecureContext) throw new NoSoundError("insecure");
  if (!navigator.mediaDevices?.getUserMedia) throw new NoSoundError("unsupported");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  } catch (error) {
    throw new NoSoundError(codeOf(/** @type {DOMException} */ (error).name), String(error));
  }
}

/** @returns {Promise<MediaStream>} */
async function tab() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({
      video: true,
      audio: AS_IT_IS,
    });
  } catch (error) {
    const name = /** @type {DOMException} */ (error).name;
    throw new NoSoundError(name === "NotAllowedError" ? "left" : "unsupported", String(error));
  }
  if (!stream.getAudioTracks().length) {
    for (const track of stream.getTracks()) track.stop();
    throw new NoSoundError("no_audio");
  }
  return stream;
}

/** @param {string} name of a DOMException */
function codeOf(name) {
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  return name === "NotReadableError" || name === "AbortError" ? "busy" : "unsupported";
}

/**
 * @typedef {object} Capture
 * @property {() => void} stop
 */

/**
 * Open a source and hand its sound on until it is stopped.
 * @param {"microphone"|"tab"} source
 * @param {(block: Int16Array) => void} onBlock
 * @param {(level: number, peak: number) => void} onLevel
 * @param {() => void} onEnd the source ended by itself
 * @returns {Promise<Capture>}
 */
export async function capture(source, onBlock, onLevel, onEnd) {
  const stream = source === "tab" ? await tab() : await microphone();
  for (const track of stream.getAudioTracks()) track.addEventListener("ended", onEnd);
  const stopTracks = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  try {
    const { context, input } = await contextFor(new MediaStream(stream.getAudioTracks()));
    await context.audioWorklet.addModule("/static/js/worklet.js");
    const recorder = new AudioWorkletNode(context, "earmark-recorder", {
      numberOfOutputs: 1,
      processorOptions: { rate_hz: RATE_HZ },
    });
    recorder.port.onmessage = ({ data }) => {
      if (data.block) onBlock(data.block);
      else onLevel(data.level, data.peak);
    };
    const silent = new GainNode(context, { gain: 0 }); // a node is only run on the way to a speaker
    input.connect(recorder).connect(silent).connect(context.destination);
    await context.resume();
    return {
      stop() {
        recorder.port.onmessage = null;
        recorder.port.postMessage("done");
        stopTracks();
        context.close().catch(() => {});
      },
    };
  } catch (error) {
    stopTracks();
    throw error;
  }
}

/**
 * A context at our rate where the browser resamples a microphone for one, else at its own rate.
 * @param {MediaStream} stream
 */
async function contextFor(stream) {
  let context;
  try {
    context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    return { context, input: context.createMediaStreamSource(stream) };
  } catch {
    await context?.close().catch(() => {});
    context = new AudioContext({ latencyHint: "interactive" });
    return { context, input: context.createMediaStreamSource(stream) };
  }
}
