"use strict";

// Every word of the page, in each language.
const WORDS = {
  en: {
    input: "Input", theme: "Dark / light", timeline: "Timeline", all: "Whole",
    out: "Zoom out", in: "Zoom in", pan: "Move the picture",
    choose: "Choose the file to listen to", detections: "What was played",
    repeats: "Unknown, and played several times", gaps: "What no track explains",
    start: "start", end: "end", artist: "artist", title: "title", played: "played",
    confidence: "confidence", speed: "speed", pitch: "pitch", kind: "kind", length: "length",
    plays: "plays", group: "repeat", where: "in",
    music: "music", speech: "speech", silence: "silence", other: "other", outage: "no signal",
    recording: "recording", melody: "tune (second opinion)", sound: "likeness (second opinion)",
    none: "nothing", facts: "{duration}, of which {played} are known; {count} detections",
    listen: "Play {from} to {to}: {what}",
    silent: "The audio is not beside this page: choose the file to listen to.",
    unplayable: "This browser cannot play that file.",
  },
  zh: {
    input: "输入", theme: "深色 / 浅色", timeline: "时间线", all: "全部",
    out: "缩小", in: "放大", pan: "移动画面",
    choose: "选择要播放的文件", detections: "播放了什么",
    repeats: "未知但多次出现", gaps: "没有曲目能解释的部分",
    start: "开始", end: "结束", artist: "艺人", title: "标题", played: "时长",
    confidence: "可信度", speed: "速度", pitch: "音高", kind: "类型", length: "长度",
    plays: "次数", group: "重复", where: "位于",
    music: "音乐", speech: "语音", silence: "静音", other: "其他", outage: "无信号",
    recording: "录音", melody: "旋律（第二意见）", sound: "相似（第二意见）",
    none: "无", facts: "{duration}，其中 {played} 已识别；{count} 个检测结果",
    listen: "播放 {from} 至 {to}：{what}",
    silent: "音频不在此页面旁边：请选择要播放的文件。",
    unplayable: "此浏览器无法播放该文件。",
  },
};
let language = navigator.language.startsWith("zh") ? "zh" : "en";

function word(name, values = {}) {
  const text = WORDS[language][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

function clock(seconds) {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const minutes = Math.floor(tenths / 600);
  const hours = Math.floor(minutes / 60);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// An element with its properties and children; text is only ever text.
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const byId = (id) => document.getElementById(id);
