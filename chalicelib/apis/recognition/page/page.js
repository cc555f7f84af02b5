"use strict";
const MAX_BYTES = 4400000; // in base64, what a request holds
const KINDS = {
  "ocr": {files: 1, accept: "image/*", hint: "Drop a picture here, or choose one."},
  "click": {files: 1, accept: "image/*", hint: "Drop a picture here, or choose one.", label: "target"},
  "image-classify": {files: 32, accept: "image/*", hint: "Drop up to 32 pictures here, or choose them.", label: "category"},
  "slider": {files: 2, accept: "image/*", hint: "Drop two pictures here: the background and the piece."},
  "audio": {files: 1, accept: "audio/*,video/webm,.opus,.m4a", hint: "Drop a recording of up to 60 seconds here."},
};
const find = (id) => document.getElementById(id);
const [form, drop, input, label, state] = ["form", "drop", "files", "label", "state"].map(find);
let files = [];
let turn = 0; // of the latest request: answers to earlier ones are not shown

const kind = () => form.elements.kind.value;

function say(text, isWrong = false) {
  state.textContent = text;
  state.classList.toggle("wrong", isWrong);
}

function showKind() {
  const {files: count, accept, hint, label: labelled} = KINDS[kind()];
  input.accept = accept;
  input.multiple = count > 1;
  find("hint").textContent = hint;
  find("label-row").hidden = !labelled;
}

function take(list) {
  const chosen = Array.from(list);
  if (chosen.length && chosen.every((file) => file.type.startsWith("audio/"))) {
    form.elements.kind.value = "audio";
  } else if (chosen.length && kind() === "audio" && chosen.every((file) => file.type.startsWith("image/"))) {
    form.elements.kind.value = "ocr";
  }
  showKind();
  // A background and its piece may be dropped one after the other.
  const isSecond = kind() === "slider" && files.length === 1 && chosen.length === 1;
  files = isSecond ? [files[0], ...chosen] : chosen.slice(0, KINDS[kind()].files);
  say(files.map((file) => file.name).join(", "));
  find("send").disabled = !isComplete();
  if (isComplete() && !KINDS[kind()].label) recognise();
}

const isComplete = () => files.length > 0 && (kind() !== "slider" || files.length === 2);

async function encoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

/** The background is the larger one of two pictures, in whichever order they were dropped. */
async function inOrder(pair) {
  const images = await Promise.all(pair.map((file) => createImageBitmap(file)));
  return images[0].width >= images[1].width ? pair : [pair[1], pair[0]];
}

async function fields() {
  const texts = await Promise.all(files.map(encoded));
  switch (kind()) {
    case "ocr": return {image: texts[0], details: true};
    case "click": return {image: texts[0], target: label.value.trim(), details: true};
    case "image-classify": return {images: texts, category: label.value.trim()};
    case "slider": return {background: texts[0], slider: texts[1], details: true};
    default: return {audio: texts[0], details: true};
  }
}

async function recognise() {
  const mine = ++turn;
  const asked = kind();
  if (KINDS[asked].label && !label.value.trim()) return say("Write what to look for.", true);
  if (files.reduce((sum, file) => sum + file.size, 0) > MAX_BYTES) return say("The files are larger than 4.4 MB.", true);
  find("shown").hidden = true;
  say("Recognising ...");
  const began = performance.now();
  try {
    if (asked === "slider") files = await inOrder(files);
    const [status, answer] = await ask(asked, await fields());
    if (mine !== turn) return;
    if (status !== 200) return say(`${status}: ${answer.message}`, true);
    await show(asked, answer);
    say(`${answer.success ? "Done" : "Nothing found"} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  } catch (error) {
    if (mine === turn) say(`The file cannot be shown or sent: ${error.message}`, true);
  }
}

async function ask(path, body) {
  const headers = {"Content-Type": "application/json"};
  const token = find("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, {method: "POST", headers, body: JSON.stringify(body)});
  if (response.status === 401) find("token-row").hidden = false;
  return [response.status, await response.json()];
}

async function show(asked, answer) {
  find("answer").textContent = JSON.stringify(answer, null, 2);
  find("words").textContent = words(asked, answer);
  find("pictures").replaceChildren();
  const player = find("player");
  if (player.src) URL.revokeObjectURL(player.src);
  player.hidden = asked !== "audio";
  if (asked === "audio") player.src = URL.createObjectURL(files[0]);
  else await showPictures(asked, answer);
  find("shown").hidden = false;
}

function words(asked, answer) {
  if (answer.reason) return answer.reason;
  switch (asked) {
    case "ocr": return answer.text;
    case "audio": return answer.digits ? `${answer.text}\nDigits: ${answer.digits}` : answer.text;
    case "slider": return `${answer.offset_x} pixels from the left, confidence ${answer.confidence}`;
    case "click": return `${answer.coordinates.length} found`;
    default: return `${answer.matches.length} of ${files.length} pictures`;
  }
}

async function showPictures(asked, answer) {
  if (asked === "image-classify") return showMatches(answer);
  const image = await createImageBitmap(files[0]);
  const context = canvas(image);
  if (asked === "ocr") for (const line of answer.lines) box(context, line);
  if (asked === "click") for (const found of answer.boxes) box(context, found, `${found.label} ${percent(found)}`);
  if (asked === "slider") {
    const piece = await createImageBitmap(files[1]);
    box(context, {x: answer.offset_x, y: answer.offset_y, width: piece.width, height: piece.height}, percent(answer));
  }
}

async function showMatches(answer) {
  for (const [index, file] of files.entries()) {
    const context = canvas(await createImageBitmap(file));
    const place = answer.matches.indexOf(index);
    const figure = context.canvas.parentElement;
    figure.classList.add("many");
    figure.classList.toggle("match", place >= 0);
    const caption = document.createElement("figcaption");
    caption.textContent = place < 0 ? file.name : `${file.name}: ${Math.round(answer.confidence[place] * 100)} %`;
    figure.append(caption);
  }
}

const percent = (found) => `${Math.round(found.confidence * 100)} %`;

/** A new canvas with the picture on it. */
function canvas(image) {
  const [figure, made] = [document.createElement("figure"), document.createElement("canvas")];
  [made.width, made.height] = [image.width, image.height];
  figure.append(made);
  find("pictures").append(figure);
  const context = made.getContext("2d");
  context.drawImage(image, 0, 0);
  return context;
}

function box(context, {x, y, width, height}, text) {
  const size = Math.max(12, context.canvas.width / 45);
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--found");
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = Math.max(2, size / 8);
  context.strokeRect(x, y, width, height);
  if (!text) return;
  context.font = `${size}px system-ui, sans-serif`;
  const top = y > size * 1.3 ? y - size * 1.3 : y + height;
  context.fillRect(x, top, context.measureText(text).width + size / 2, size * 1.3);
  context.fillStyle = "#fff";
  context.fillText(text, x + size / 4, top + size);
}

form.addEventListener("submit", (event) => { event.preventDefault(); if (isComplete()) recognise(); });
find("kinds").addEventListener("change", () => { files = []; input.value = ""; find("send").disabled = find("shown").hidden = true; say(""); showKind(); });
input.addEventListener("change", () => take(input.files));
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("dragover", () => drop.classList.add("over"));
for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => take(event.dataTransfer.files));
showKind();
