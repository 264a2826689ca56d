/** Who is who in the demo: stable names, handles and passwords for numbered people. */
import type { Account } from './api-client.ts';

const GIVEN =
  'Ada Alan Amal Anja Aria Bela Chen Cleo Dana Dario Eda Eli Emre Farah Finn Gita Hana Hugo Ines Ivo Jae Jonas June Kai Kira Lars Lea Liam Lina Luca Mai Malik Mara Mina Nadia Nils Noor Nora Omar Otto Petra Priya Ravi Rosa Samir Sena Sofia Tomas Uma Vera Wei Yara Yuki Zoe 하나 민준 서연 지호 유나'.split(
    ' ',
  );
const FAMILY =
  'Abara Ahn Almeida Bauer Bergman Castro Costa Demir Duarte Eriksen Farkas Fischer Garcia Haas Hansen Ito Ivanova Jensen Kaya Keller Kim Kovac Larsen Lee Lindqvist Marino Meyer Mori Nakamura Novak Okafor Olsen Park Patel Petrov Quinn Rahman Ricci Romero Sato Schmidt Silva Singh Soto Tanaka Varga Weber Wong Yilmaz Zhang'.split(
    ' ',
  );

/** Person `number` (1, 2, 3 …). The same number is the same person at every load. */
export function personNumbered(number: number): Account {
  const given = GIVEN[number % GIVEN.length]!;
  const family = FAMILY[(number * 7 + Math.floor(number / GIVEN.length)) % FAMILY.length]!;
  const latin = /^[A-Za-z]+$/.test(given) ? given.toLowerCase() : 'demo';
  return {
    handle: `${latin}_${number}`,
    name: `${given} ${family}`,
    email: `${latin}.${number}@demo.example`,
    password: `demo-password-${number}`.padEnd(18, '-'),
  };
}
