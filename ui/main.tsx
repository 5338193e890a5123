import 'img-comparison-slider';
import { render } from 'preact';

import { followForm } from './follow-form.ts';
import { speakChosen } from './languages/chosen-language.ts';
import { connect } from './live.ts';
import { followAddress, loadChoices } from './state.ts';
import { applyTheme } from './theme.ts';
import { followSweeps } from './sweeps.ts';
import { followWorkers } from './workers.ts';
import { App } from './views/app.tsx';

applyTheme();
followAddress();
followForm();
connect();
followWorkers();
followSweeps();
void loadChoices();
await speakChosen().catch(() => undefined);
render(<App />, document.body);
