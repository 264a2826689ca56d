/** Posts of a list, hung on one track. */
import { PostCard } from './post-card.tsx';
import { useStanding } from './shelf.ts';

export function PostList({ ids, label }: { readonly ids: readonly string[]; readonly label: string }) {
  const standing = useStanding(ids);
  return (
    <section className="post-list" aria-label={label}>
      {standing.map((id) => (
        <PostCard key={id} id={id} />
      ))}
    </section>
  );
}
