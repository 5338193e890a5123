const scripts = await (await fetch('extensions')).json();
for (const script of scripts) await import(new URL(`.${script}`, document.baseURI));
