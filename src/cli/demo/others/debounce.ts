export function debounce<T extends unknown[]>(wait: number, action: (...given: T) => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (...given: T): void => {
    if (timer !== undefined) {
      clearTimeout(timer);
    }
    timer = setTimeout(() => {
      timer = undefined;
      action(...given);
    }, wait);
  };
}

const search = document.querySelector<HTMLInputElement>("#search");
search?.addEventListener("input", debounce(250, () => fetchResults(search.value)));
