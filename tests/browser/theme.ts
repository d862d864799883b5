/** The theme by hand: behind the name in the header. */
import type { Page } from "playwright-core";

export async function chooseTheme(page: Page, theme: "light" | "dark"): Promise<void> {
  await page.getByRole("button", { name: / account$/ }).click();
  await page.getByRole("button", { name: `Use the ${theme} theme` }).click();
  await page.keyboard.press("Escape");
}
