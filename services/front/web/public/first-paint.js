/* Applies the stored theme and language before anything is painted; everything else waits for the application. */
try {
  const theme = localStorage.getItem('switchyard.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const language = localStorage.getItem('switchyard.language');
  if (language === 'ko' || language === 'en') document.documentElement.lang = language;
} catch {
  // storage is closed to us: the system's theme it is
}
