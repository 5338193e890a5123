// Loaded by stable-diffusion-webui and its forks: gives the tab's page their theme, and shows in
// theirs the model that it has chosen.
onUiLoaded(() => {
  const frame = gradioApp().querySelector('#erase-concept-frame');
  if (!frame) return;
  frame.src = `erase-concept/?theme=${isDark(frame) ? 'dark' : 'light'}`;
});

// SD.Next's newer themes say it to the browser; its older ones only have light text.
function isDark(element) {
  const { color, colorScheme } = getComputedStyle(element);
  if (document.body.classList.contains('dark') || colorScheme === 'dark') return true;
  const [red, green, blue] = color.match(/\d+/g).map(Number);
  return red + green + blue > (3 * 255) / 2;
}

addEventListener('message', ({ origin, data }) => {
  if (origin !== location.origin || data?.type !== 'erase-concept:model') return;
  // The web UI has it already, but its page goes on showing the one before.
  if (typeof selectCheckpoint === 'function') selectCheckpoint(data.model);
});
