// Loaded by stable-diffusion-webui and its forks: gives the tab's page their theme.
onUiLoaded(() => {
  const frame = gradioApp().querySelector('#erase-concept-frame');
  if (!frame) return;
  const theme = document.body.classList.contains('dark') ? 'dark' : 'light';
  frame.src = `erase-concept/?theme=${theme}`;
});
