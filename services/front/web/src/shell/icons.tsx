/** The drawings: the mark of Switchyard, two tracks that meet, and the few icons, all of one stroke. */

interface IconProps {
  readonly name: keyof typeof PATHS;
  readonly filled?: boolean;
}

const PATHS = {
  feed: 'M4 6h16M4 12h16M4 18h10',
  posts: 'M5 19l1-4L16.500 4.500a1.900 1.900 0 0 1 2.700 0l.3.3a1.900 1.900 0 0 1 0 2.700L9 18l-4 1zM14 7l3 3',
  friends:
    'M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 19.500c.6-3.400 3.200-5.200 6.500-5.200s5.900 1.800 6.500 5.200M16 4.900a3.500 3.500 0 0 1 0 6.200M18 14.900c1.900.8 3.100 2.300 3.500 4.600',
  profile: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20c.8-3.700 3.700-5.700 7.500-5.700s6.700 2 7.500 5.700',
  like: 'M12 20s-7.500-4.600-7.500-10.100A4.100 4.100 0 0 1 12 7.500a4.100 4.100 0 0 1 7.500 2.400C19.500 15.400 12 20 12 20z',
  comment:
    'M5 5h14a1.500 1.500 0 0 1 1.500 1.500v8A1.500 1.500 0 0 1 19 16h-7l-4.500 4v-4H5a1.500 1.500 0 0 1-1.500-1.500v-8A1.500 1.500 0 0 1 5 5z',
  search: 'M11 17.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM16 16l4.500 4.500',
  up: 'M12 19V5M6 11l6-6 6 6',
  back: 'M19 12H5M11 6l-6 6 6 6',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  lock: 'M6.500 11h11a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400',
  moon: 'M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z',
  eye: 'M2.500 12s3.500-6 9.500-6 9.500 6 9.500 6-3.500 6-9.500 6-9.500-6-9.500-6zM12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z',
} as const;

export function Icon({ name, filled = false }: IconProps) {
  return (
    <svg className={filled ? 'icon filled' : 'icon'} viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo({ size = 28 }: { readonly size?: number }) {
  return (
    <svg className="logo" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <path className="logo-branch" d="M8 4v5C8 16.500 21 16 21 25" />
      <path className="logo-main" d="M21 4v24" />
    </svg>
  );
}

/** A yard from above: sidings that run together into one line. */
export function YardDrawing() {
  return (
    <svg className="yard-drawing" viewBox="0 0 420 560" preserveAspectRatio="xMaxYMid slice" aria-hidden="true">
      <g className="yard-sidings">
        <path d="M230 -200V60C230 190 340 200 340 330" />
        <path d="M390 -200V110C390 220 340 230 340 350" />
        <path d="M340 -200V760" />
        <path d="M340 430C340 520 395 530 395 640V760" />
      </g>
      <path className="yard-line" d="M285 -200V20C285 150 340 160 340 290V760" />
      <g className="yard-points">
        <circle cx="340" cy="290" r="4.500" />
        <circle cx="340" cy="330" r="4.500" />
        <circle cx="340" cy="350" r="4.500" />
        <circle cx="340" cy="430" r="4.500" />
      </g>
      <circle className="yard-car" cx="340" cy="390" r="8" />
    </svg>
  );
}
