import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';

import { announcement, connection, loadError, route } from '../state.ts';
import { Choose } from './choose.tsx';
import { Job } from './job.tsx';
import { JobList } from './job-list.tsx';
import { Sweep } from './sweep.tsx';
import { Sweeps } from './sweeps.tsx';
import { rich, t } from '../languages/words.ts';

const firstRoute = route.peek();

/** The whole page. */
export function App() {
  const main = useRef<HTMLElement>(null);
  // Each new view takes the focus; the first leaves it where the browser put it.
  useSignalEffect(() => {
    if (route.value !== firstRoute) main.current?.focus();
  });
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('Skip to the content')}
      </a>
      <Banner />
      <div class="page">
        <JobList />
        <main id="main" ref={main} tabIndex={-1}>
          <View />
        </main>
      </div>
      <p class="unseen" aria-live="polite">
        {announcement}
      </p>
    </>
  );
}

/** Where the address points. */
function View() {
  const at = route.value;
  if (at.view === 'job') return <Job />;
  if (at.view === 'choose') return <Choose />;
  return at.name === null ? <Sweeps /> : <Sweep key={at.name} />;
}

/** What stands between the page and the sidecar. */
function Banner() {
  switch (connection.value) {
    case 'unauthorized':
      return (
        <p class="banner" role="alert">
          {rich(
            '<strong>This page is locked.</strong> Open the start link that <code>erase-concept serve</code> printed where it runs: it holds the key. Then this page works too.',
          )}
        </p>
      );
    case 'offline':
      return (
        <p class="banner" role="status">
          {rich(
            '<strong>The server does not answer.</strong> Trying again; a job that was running goes on when it is back.',
          )}
        </p>
      );
    case 'connecting':
    case 'online':
      return loadError.value === null ? null : (
        <p class="banner" role="alert">
          <strong>{t('Something is missing.')}</strong> {loadError}
        </p>
      );
  }
}
