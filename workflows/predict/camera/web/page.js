"use strict";
// One socket: states come as text, pictures as JPEG; wishes go as text, this browser's camera as JPEG.

const $ = (id) => document.getElementById(id);
const socket = new WebSocket(new URL("live", location.href.replace(/^http/, "ws")));
let drawn = null;    // the views that there are buttons for
let taking = false;  // whether this page's camera is wanted
let recording = false;

function wish(what) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(what));
}

function allow(keeping) {
  $("still").disabled = $("record").disabled = !keeping;
}

function say(text, bad = false) {
  $("message").textContent = text;
  $("message").classList.toggle("bad", bad);
}

function drawViews(views) {
  drawn = views.join("\n");
  for (const label of $("views").querySelectorAll("label")) label.remove();
  views.forEach((view, index) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = "view";
    radio.value = view;
    radio.addEventListener("change", () => wish({ view }));
    if (index < 9) label.title = `Key: ${index + 1}`;
    label.append(radio, view);
    $("views").append(label);
  });
}

function showState(state) {
  allow(true);
  if (drawn !== state.views.join("\n")) drawViews(state.views);
  for (const radio of document.getElementsByName("view")) radio.checked = radio.value === state.view;
  const [width, height] = state.size;
  $("figures").textContent =
    `${width} × ${height}, ${state.rate.toFixed(1)} frames a second, ${Math.round(1000 * state.took)} ms each`;
  recording = state.recording !== null;
  $("record").setAttribute("aria-pressed", recording);
  $("record").textContent = recording ? `Stop, ${state.recording.toFixed(0)} s` : "Record";
  if (state.message !== $("message").textContent) say(state.message);
}

function showPicture(blob) {
  const address = URL.createObjectURL(blob);
  const picture = $("picture");
  const done = () => {
    URL.revokeObjectURL(address);
    wish({ ready: true });  // for the next one: none is sent that nobody sees
  };
  picture.onload = done;
  picture.onerror = done;
  picture.src = address;
  $("waiting").hidden = true;
}

// ------------------------------------------------------------------ this browser's camera

const video = document.createElement("video");
const canvas = document.createElement("canvas");
video.muted = video.playsInline = true;

async function openCamera() {
  taking = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    video.srcObject.getVideoTracks()[0].addEventListener("ended", () => fail("it was taken away: give it back"));
    await video.play();
    sendFrame();
  } catch (error) {
    const missing = ["NotFoundError", "NotReadableError"].includes(error.name);
    fail(missing ? "plug one in that nobody else uses" : `allow it for this page (${error.name})`);
  }
}

function fail(why) {
  say(`This browser gives no camera: ${why}, and load this page again.`, true);
  $("waiting").hidden = true;
  allow(false);
  wish({ failed: why });
}

function sendFrame() {
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    if (blob === null) fail("its pictures are empty: try another one");
    else if (socket.readyState === WebSocket.OPEN) socket.send(blob);
  }, "image/jpeg", 0.95);
}

// ------------------------------------------------------------------ the socket, and keys

socket.binaryType = "blob";
socket.addEventListener("open", () => wish({ ready: true }));
socket.addEventListener("close", () => {
  say("The connection to shm ended: load this page again, or start shm again and open its new address.", true);
  for (const each of document.querySelectorAll("button, input")) each.disabled = true;
  $("record").textContent = "Record";
  $("record").setAttribute("aria-pressed", false);
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
});
socket.addEventListener("message", ({ data }) => {
  if (data instanceof Blob) return showPicture(data);
  const told = JSON.parse(data);
  if (told.take === "camera" && !taking) openCamera();
  else if (told.take === "frame") sendFrame();
  else if (told.refused) say(told.refused, true);
  else if (told.views) showState(told);
});

$("still").addEventListener("click", () => wish({ still: true }));
$("record").addEventListener("click", () => wish({ record: !recording }));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (key === "s") $("still").click();
  else if (key === "r") $("record").click();
  else document.getElementsByName("view")[Number(event.key) - 1]?.click();
});
